// The oneDNN backend: its context and everything that it overrides. Include this file and no other
// of the folder, so that whoever can name the context has all of its overrides.
#pragma once

#include <pfad/cpu/queue.hpp>
#include <pfad/onednn/context.hpp>
#include <pfad/onednn/conv2d.hpp>

// fill: y[i] = value. What every context offers beside its memory (core/context.hpp); the plain loop
// stands in cpu/context.hpp.
#pragma once

#include <pfad/cpu/context.hpp>

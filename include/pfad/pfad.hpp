// The building blocks: tensors, gradients, ops, layers, networks, optimiser. Needs only C++20.
#pragma once

#include <pfad/autograd/fork_join.hpp>
#include <pfad/core/random.hpp>
#include <pfad/cpu/queue.hpp>
#include <pfad/detectors/pfadseg.hpp>
#include <pfad/ops/all.hpp>
#include <pfad/optim/sgd.hpp>

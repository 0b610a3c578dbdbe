#pragma once
// Every optimiser and schedule.

#include <limn/optim/adam.hpp>
#include <limn/optim/clip.hpp>
#include <limn/optim/ema.hpp>
#include <limn/optim/optimizer.hpp>
#include <limn/optim/rmsprop.hpp>
#include <limn/optim/schedule.hpp>
#include <limn/optim/sgd.hpp>

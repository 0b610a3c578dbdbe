#pragma once
// Every layer.

#include <limn/nn/attention.hpp>
#include <limn/nn/conv.hpp>
#include <limn/nn/embedding.hpp>
#include <limn/nn/init.hpp>
#include <limn/nn/linear.hpp>
#include <limn/nn/module.hpp>
#include <limn/nn/norm.hpp>
#include <limn/nn/recurrent.hpp>
#include <limn/nn/transformer.hpp>

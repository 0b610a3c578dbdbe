#pragma once
// Tensors, gradients, operations, layers and optimisers. Everything else is included by name.

#include <limn/autograd/accumulate.hpp>
#include <limn/autograd/autocast.hpp>
#include <limn/autograd/backward.hpp>
#include <limn/autograd/checkpoint.hpp>
#include <limn/autograd/gradcheck.hpp>
#include <limn/autograd/no_grad.hpp>
#include <limn/autograd/node.hpp>
#include <limn/autograd/record.hpp>
#include <limn/core/check.hpp>
#include <limn/core/copy.hpp>
#include <limn/core/create.hpp>
#include <limn/core/print.hpp>
#include <limn/core/random.hpp>
#include <limn/core/shape.hpp>
#include <limn/core/storage.hpp>
#include <limn/core/tensor.hpp>
#include <limn/nn.hpp>
#include <limn/ops.hpp>
#include <limn/optim.hpp>
#include <limn/version.hpp>

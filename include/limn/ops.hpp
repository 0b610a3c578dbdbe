#pragma once
// Every operation.

#include <limn/ops/activation.hpp>
#include <limn/ops/arithmetic.hpp>
#include <limn/ops/attention.hpp>
#include <limn/ops/cast.hpp>
#include <limn/ops/compare.hpp>
#include <limn/ops/concat.hpp>
#include <limn/ops/conv1d.hpp>
#include <limn/ops/conv2d.hpp>
#include <limn/ops/conv3d.hpp>
#include <limn/ops/cross_entropy.hpp>
#include <limn/ops/distance.hpp>
#include <limn/ops/dropout.hpp>
#include <limn/ops/gather.hpp>
#include <limn/ops/gru.hpp>
#include <limn/ops/loss.hpp>
#include <limn/ops/lstm.hpp>
#include <limn/ops/matmul.hpp>
#include <limn/ops/norm.hpp>
#include <limn/ops/pointwise.hpp>
#include <limn/ops/pool2d.hpp>
#include <limn/ops/recurrent.hpp>
#include <limn/ops/reduce.hpp>
#include <limn/ops/rnn.hpp>
#include <limn/ops/softmax.hpp>
#include <limn/ops/view.hpp>

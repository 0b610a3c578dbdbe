#pragma once
// The kinds of fixtures that golden_check knows. Each check_* lives in its own .cpp beside this file.

#include <filesystem>

#include "report.hpp"

namespace limn::golden {

void check_formats_safetensors(const std::filesystem::path& folder, Report& report);
void check_image_decode(const std::filesystem::path& folder, Report& report);
void check_keras_text(const std::filesystem::path& folder, Report& report);
void check_metrics(const std::filesystem::path& folder, Report& report);
void check_optim(const std::filesystem::path& folder, Report& report);
void check_preproc(const std::filesystem::path& folder, Report& report);
void check_recurrent(const std::filesystem::path& folder, Report& report);
void check_schedulers(const std::filesystem::path& folder, Report& report);
void check_ops_conv(const std::filesystem::path& folder, Report& report);
void check_vgg(const std::filesystem::path& folder, Report& report);
void check_merge_captioner(const std::filesystem::path& folder, Report& report);
void check_ops_attention(const std::filesystem::path& folder, Report& report);
void check_ops_activation_interp(const std::filesystem::path& folder, Report& report);
void check_ops_norm_loss(const std::filesystem::path& folder, Report& report);
void check_keras_h5(const std::filesystem::path& folder, Report& report);

struct Kind {
  const char* name;
  void (*check)(const std::filesystem::path& folder, Report& report);
};

inline constexpr Kind kinds[] = {
    {"formats-safetensors", check_formats_safetensors},
    {"gru", check_recurrent},
    {"image-decode", check_image_decode},
    {"lstm", check_recurrent},
    {"keras-text", check_keras_text},
    {"metrics", check_metrics},
    {"optim", check_optim},
    {"preproc", check_preproc},
    {"rnn", check_recurrent},
    {"schedulers", check_schedulers},
    {"ops-conv", check_ops_conv},
    {"vgg", check_vgg},
    {"merge-captioner", check_merge_captioner},
    {"ops-attention", check_ops_attention},
    {"ops-activation-interp", check_ops_activation_interp},
    {"ops-norm-loss", check_ops_norm_loss},
    {"keras-h5", check_keras_h5},
};

}  // namespace limn::golden

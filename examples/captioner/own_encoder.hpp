#pragma once
// The network that a program trains itself: its shape as JSON, what it reads, and a checkpoint of it alone.

#include <string>

#include <limn/image/image.hpp>
#include <limn/io/checkpoint.hpp>
#include <limn/models/small_cnn.hpp>

#include "captioner/encoder.hpp"

namespace limn::captioner {

struct OwnEncoderConfig {
  models::SmallCNNConfig cnn;
  index_t picture = 64;  ///< side of the square it reads
  /// Side of the square that a picture is squeezed to before it is stretched to what the network reads, as the pictures
  /// were whose cuts it learned from: it knows how sharp these are. 0: squeezed to what it reads at once.
  index_t squeezed = 0;
};

[[nodiscard]] io::Json to_json(const OwnEncoderConfig& config);
/// Throws naming `where` when the shape is not one that can be built.
[[nodiscard]] OwnEncoderConfig own_encoder_from_json(const io::Json& json, const std::string& where);

/// How many times smaller a network's planes are than the picture, at most 2^25.
[[nodiscard]] index_t shrinkage(const models::SmallCNNConfig& cnn);
/// Throws naming --picture unless the network's planes of a picture of this side are whole.
void check_picture(index_t side, const models::SmallCNNConfig& cnn);
/// The numbers in its convolutions.
[[nodiscard]] index_t own_encoder_numbers(const models::SmallCNNConfig& cnn);
/// Pictures squeezed to a square, values of -2 to 2. -> [N, 3, side, side]
[[nodiscard]] Tensor<float> pixels_of(const std::vector<image::Image>& pictures, index_t side);
/// Pictures as the network reads them. -> [N, 3, config.picture, config.picture]
[[nodiscard]] Tensor<float> pixels_of(const std::vector<image::Image>& pictures, const OwnEncoderConfig& config);

void save_own_encoder(const std::string& path, const OwnEncoderConfig& config, models::SmallCNN<float>& cnn);
/// What `captioner distill` wrote; a run's folder stands for its best checkpoint.
[[nodiscard]] OwnEncoderConfig own_encoder_config(const std::string& checkpoint);
void load_own_encoder(const std::string& checkpoint, models::SmallCNN<float>& cnn);
/// Its tensors as checkpoints name them.
[[nodiscard]] io::NamedTensors<float> own_encoder_tensors(models::SmallCNN<float>& cnn);

/// The network as an encoder of the name "distilled", which from then on is not trained; the tensors are shared.
[[nodiscard]] std::unique_ptr<Encoder> own_encoder(const OwnEncoderConfig& config, const models::SmallCNN<float>& cnn);
/// That of a checkpoint.
[[nodiscard]] std::unique_ptr<Encoder> own_encoder(const std::string& checkpoint);

}  // namespace limn::captioner

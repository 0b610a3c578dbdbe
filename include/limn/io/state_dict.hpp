#pragma once
// Loading a model's tensors by name, with a strict report of what is missing, unexpected, or of another shape.

#include <functional>
#include <utility>

#include <limn/io/tensors.hpp>

namespace limn::inline LIMN_ABI::io {

/// A model's parameters and buffers under their names. The tensors are handles: loading fills the model itself.
template <class T>
using NamedTensors = std::vector<std::pair<std::string, Tensor<T>>>;

/// How a file and a model differ. All lists are empty when the file fits.
struct StateReport {
  std::vector<std::string> missing;     ///< the model has it, the file does not (names as in the file)
  std::vector<std::string> unexpected;  ///< the file has it, the model does not
  std::vector<std::string> mismatched;  ///< "'name' is [3, 4] but the model wants [4, 3]"

  [[nodiscard]] bool fits() const { return missing.empty() && unexpected.empty() && mismatched.empty(); }
  /// One line: "2 missing ('a', 'b'), 1 unexpected ('c')"; at most `most` names of each list.
  [[nodiscard]] std::string text(std::size_t most = 5) const {
    std::string result;
    const auto add = [&](const std::vector<std::string>& list, const char* what, bool quote) {
      if (list.empty()) return;
      result += (result.empty() ? "" : ", ") + std::to_string(list.size()) + " " + what + " (";
      for (std::size_t i = 0; i < std::min(list.size(), most); ++i)
        result += (i ? ", " : "") + (quote ? in_quotes(list[i]) : list[i]);
      result += list.size() > most ? " and " + std::to_string(list.size() - most) + " more)" : ")";
    };
    add(missing, "missing", true);
    add(unexpected, "unexpected", true);
    add(mismatched, "of another shape", false);
    return result;
  }
};

struct StateOptions {
  /// The name in the file of the model's tensor `name`; by default the same.
  std::function<std::string(const std::string& name)> rename = {};
  /// True for names in the file that may stay unread ("num_batches_tracked", a head that is not wanted).
  std::function<bool(const std::string& name)> ignore = {};
  /// True for names of the model that may be missing: they keep their values.
  std::function<bool(const std::string& name)> optional = {};
  /// Throws when a loaded tensor holds NaN or infinite values.
  bool reject_nan = false;
};

/// Compares names and shapes without reading a weight. `shapes` are the model's names and shapes.
template <class Source>
[[nodiscard]] StateReport compare_state(const Source& source, const std::vector<std::pair<std::string, Shape>>& shapes,
                                        const StateOptions& options = {}) {
  StateReport report;
  std::map<std::string, bool> used;
  for (const auto& [name, shape] : shapes) {
    const std::string in_file = options.rename ? options.rename(name) : name;
    used[in_file] = true;
    if (!source.contains(in_file)) {
      if (!options.optional || !options.optional(name)) report.missing.push_back(in_file);
      continue;
    }
    const std::vector<index_t>& found = source.info(in_file).shape;
    if (found != shape.to_vector())
      report.mismatched.push_back(in_quotes(in_file) + " is " + shape_text(found) + " but the model wants " +
                                  shape_text(shape.to_vector()));
  }
  for (const std::string& name : source.names())
    if (!used.count(name) && !(options.ignore && options.ignore(name))) report.unexpected.push_back(name);
  return report;
}

/// Fills the tensors of a model from a SafetensorsFile or Weights. Nothing is touched unless every name and shape fits;
/// else throws Error("<file>: does not fit the model: ..."). Floating-point types are converted.
template <class T, class Source>
void load_state(const Source& source, const NamedTensors<T>& tensors, const StateOptions& options = {}) {
  const std::string where = source.path().string();
  std::vector<std::pair<std::string, Shape>> shapes;
  for (const auto& [name, tensor] : tensors) shapes.emplace_back(name, tensor.shape());
  const StateReport report = compare_state(source, shapes, options);
  if (!report.fits()) fail(where, "does not fit the model: ", report.text(), "; use the weights of this architecture");
  for (const auto& [name, tensor] : tensors) {
    const std::string in_file = options.rename ? options.rename(name) : name;
    if (!source.contains(in_file)) continue;
    detail::check_convertible<T>(source.info(in_file).dtype, where, in_file);
    if (is_floating<T> && options.reject_nan && !detail::finite_in_file<T>(source, in_file))
      fail(where, "the tensor ", in_quotes(in_file),
           " holds NaN or infinite values; the training diverged or the file is damaged, use another one");
  }
  for (const auto& [name, tensor] : tensors) {
    const std::string in_file = options.rename ? options.rename(name) : name;
    if (!source.contains(in_file)) continue;
    // Straight into the model's own memory where that is possible: a network is never in memory twice.
    if (tensor.device() == cpu_device && tensor.is_contiguous())
      detail::read_into(source, in_file, tensor.detach());
    else
      detail::assign(load_tensor<T>(source, in_file), tensor);
  }
}

}  // namespace limn::inline LIMN_ABI::io

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sandbox/world/serving_model.h"

namespace stowage::sandbox {

enum class Engine { kVllm, kSglang, kTgi, kTriton, kOther };

/// The engine that an image is of, by its name; TensorRT-LLM counts as Triton.
Engine engine_of(std::string_view image);
std::string_view engine_name(Engine engine);
/// "0.11.0" of "vllm/vllm-openai:v0.11.0"; empty when the tag is no version.
std::string_view version_of(std::string_view image);

/// The engine's /metrics page in Prometheus' text format, with the names that this version of it has. Engines
/// without a known page give an empty one.
std::string metrics_page(Engine engine, std::string_view version, const std::string& model,
                         const ServingModel& state);

/// The value of a series on such a page: the sum over its label sets. Nothing when the series is not there.
std::optional<double> read_metric(std::string_view page, std::string_view series);

}  // namespace stowage::sandbox

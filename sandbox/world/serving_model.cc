#include "sandbox/world/serving_model.h"

#include <algorithm>

namespace stowage::sandbox {
namespace {

constexpr double kWeightsReadGibPerSecond = 1'860;  // 2 TB/s
constexpr double kStepOverheadSeconds = 0.004;
constexpr double kPrefillTokensPerSecond = 12'000;
constexpr double kPrefillWeightsGib = 14;
constexpr double kUsableGibPerDevice = 72;
constexpr double kCacheTokensPerGib = 2'048;
constexpr double kMostRunning = 256;    // vLLM's max_num_seqs
constexpr double kSlowdownBatch = 100;  // A batch of so many takes twice the time of one.
constexpr int kPartsOfSecond = 10;
constexpr double kLeast = 1e-6;  // Less than this of a request is none.

// Bucket bounds of vLLM 0.11.
const std::vector<double> kFirstToken = {0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75,
                                         1,     2.5,   5,    7.5,  10,   20,   40,   80,  160,  640, 2560};
const std::vector<double> kPerToken = {0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5,
                                       0.75, 1,     2.5,  5,     7.5, 10,   20,  40,  80};
const std::vector<double> kRequest = {0.3, 0.5, 0.8, 1,  1.5, 2,   2.5, 5,   10,   15,  20,
                                      30,  40,  50,  60, 120, 240, 480, 960, 1920, 7680};

}  // namespace

void Histogram::observe(double value, double weight) {
  static constexpr double kSpread[] = {0.5, 0.8, 1.0, 1.3, 2.0};
  for (const double factor : kSpread) {
    const auto slot = std::lower_bound(bounds.begin(), bounds.end(), value * factor) - bounds.begin();
    counts[static_cast<size_t>(slot)] += weight / 5;
    sum += value * factor * weight / 5;
  }
  total += weight;
}

ServingModel::ServingModel(const EngineShape& shape)
    : first_token(kFirstToken),
      per_token(kPerToken),
      whole_request(kRequest),
      queue_time(kRequest),
      shape_(shape) {
  const double devices = std::max(1, shape_.devices);
  shape_.weights_gib = std::clamp(shape_.weights_gib, 0.1, 100'000.0);
  shape_.prompt_tokens = std::clamp(shape_.prompt_tokens, 1.0, 1e6);
  shape_.output_tokens = std::clamp(shape_.output_tokens, 1.0, 1e6);
  prefill_rate_ = kPrefillTokensPerSecond * devices * kPrefillWeightsGib / shape_.weights_gib;
  const double free_gib = std::max(1.0, devices * kUsableGibPerDevice - shape_.weights_gib);
  cache_tokens_ = free_gib * kCacheTokensPerGib;
  most_running_ =
      std::clamp(cache_tokens_ / (shape_.prompt_tokens + shape_.output_tokens), 1.0, kMostRunning);
}

double ServingModel::step_seconds(double running) const {
  const double read = shape_.weights_gib / (kWeightsReadGibPerSecond * std::max(1, shape_.devices));
  return (kStepOverheadSeconds + read) * (1 + running / kSlowdownBatch);
}

double ServingModel::cache_usage() const {
  return std::min(1.0, running_ * (shape_.prompt_tokens + shape_.output_tokens / 2) / cache_tokens_);
}

double ServingModel::part(double requests, double seconds) {
  waiting_ += requests;
  const double prefill = prefill_rate_ * seconds / shape_.prompt_tokens;
  const double admitted = std::max(0.0, std::min({waiting_, most_running_ - running_, prefill}));
  const double before = waiting_;
  waiting_ -= admitted;
  running_ += admitted;
  prompt_tokens += admitted * shape_.prompt_tokens;
  const double step = step_seconds(running_);
  const double produced = running_ / step * seconds;
  const double done = std::min(running_, produced / shape_.output_tokens);
  generated_tokens += done * shape_.output_tokens;
  running_ -= done;
  finished += done;
  queued_seconds += waiting_ * seconds;
  if (admitted > 0) {
    const double queued = (before - admitted) / (admitted / seconds);
    queue_time.observe(queued, admitted);
    first_token.observe(queued + shape_.prompt_tokens / prefill_rate_ + step, admitted);
  }
  if (done > 0) {
    per_token.observe(step, done);
    whole_request.observe(waiting_ / (done / seconds) + step * shape_.output_tokens, done);
  }
  if (waiting_ < kLeast) waiting_ = 0;
  if (running_ < kLeast) running_ = 0;
  return admitted;
}

void ServingModel::second(double requests) {
  const double prompt_before = prompt_tokens;
  const double generated_before = generated_tokens;
  for (int i = 0; i < kPartsOfSecond; ++i)
    part(requests / kPartsOfSecond, 1.0 / kPartsOfSecond);
  prompt_rate_ = prompt_tokens - prompt_before;
  generation_rate_ = generated_tokens - generated_before;
}

}  // namespace stowage::sandbox

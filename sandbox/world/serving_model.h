#pragma once

#include <cstdint>
#include <vector>

namespace stowage::sandbox {

/// What an inference engine is made of, as far as its speed goes.
struct EngineShape {
  int devices = 1;
  double weights_gib = 14;     ///< 7 billion parameters of 16 bits.
  double prompt_tokens = 512;  ///< Of a typical request.
  double output_tokens = 128;
};

/// Counts of observations up to each bound, as Prometheus histograms have them; the last is +Inf.
struct Histogram {
  explicit Histogram(std::vector<double> upper) : bounds(std::move(upper)), counts(bounds.size() + 1) {}
  std::vector<double> bounds;
  std::vector<double> counts;  ///< Not cumulative; one entry more than bounds.
  double sum = 0;
  double total = 0;
  /// `weight` requests with values around `value`: five points from half of it to twice of it.
  void observe(double value, double weight);
};

/// One engine (a replica of a model) under load, as a queue with continuous batching: requests wait, are
/// prefilled at a bounded token rate, and are decoded together; a step takes longer the more run at once.
/// Numbers of requests are real: a fluid model, without chance of its own.
///
/// Rates come from round figures of an H100: 2 TB/s of weights read per step, 12,000 prompt tokens a second
/// for 14 GiB of weights, 72 of 80 GiB usable, half a MiB of cache a token.
class ServingModel {
 public:
  explicit ServingModel(const EngineShape& shape);

  /// One second in which `requests` arrive.
  void second(double requests);

  [[nodiscard]] double waiting() const { return waiting_; }
  [[nodiscard]] double running() const { return running_; }
  /// 0 to 1.
  [[nodiscard]] double cache_usage() const;
  [[nodiscard]] int64_t cache_tokens() const { return static_cast<int64_t>(cache_tokens_); }
  /// Tokens a second at the end of the last second.
  [[nodiscard]] double prompt_rate() const { return prompt_rate_; }
  [[nodiscard]] double generation_rate() const { return generation_rate_; }
  [[nodiscard]] bool idle() const { return waiting_ == 0 && running_ == 0; }

  /// Since the start.
  double prompt_tokens = 0, generated_tokens = 0, finished = 0, queued_seconds = 0;
  Histogram first_token, per_token, whole_request, queue_time;

 private:
  [[nodiscard]] double step_seconds(double running) const;
  double part(double requests, double seconds);

  EngineShape shape_;
  double prefill_rate_;  ///< Prompt tokens a second.
  double cache_tokens_;
  double most_running_;
  double waiting_ = 0, running_ = 0;
  double prompt_rate_ = 0, generation_rate_ = 0;
};

}  // namespace stowage::sandbox

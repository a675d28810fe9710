#include "sandbox/world/engine_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace stowage::sandbox {
namespace {

constexpr int kBlockTokens = 16;

bool contains(std::string_view text, std::string_view word) {
  return text.find(word) != std::string_view::npos;
}

/// "0.11.0" is newer than or equal to 0.`minor`.
bool at_least(std::string_view version, int minor) {
  if (!version.starts_with("0.")) return true;
  int have = 0;
  std::from_chars(version.data() + 2, version.data() + version.size(), have);
  return have >= minor;
}

class Page {
 public:
  std::string out;

  void gauge(const std::string& name, const char* help, const std::string& labels, double value) {
    head(name, help, "gauge");
    out += fmt::format("{}{{{}}} {}\n", name, labels, value);
  }
  void counter(const std::string& name, const char* help, const std::string& labels, double value) {
    head(name, help, "counter");
    out += fmt::format("{}{{{}}} {}\n", name, labels, std::floor(value));
  }
  void histogram(const std::string& name, const char* help, const std::string& labels, const Histogram& h) {
    head(name, help, "histogram");
    double below = 0;
    for (size_t i = 0; i < h.counts.size(); ++i) {
      below += h.counts[i];
      const bool last = i == h.bounds.size();
      const std::string bound = last ? "+Inf" : fmt::format("{}", h.bounds[i]);
      out += fmt::format("{}_bucket{{{},le=\"{}\"}} {}\n", name, labels, bound,
                         std::floor(last ? h.total : below));
    }
    out +=
        fmt::format("{0}_sum{{{1}}} {2}\n{0}_count{{{1}}} {3}\n", name, labels, h.sum, std::floor(h.total));
  }

 private:
  void head(const std::string& name, const char* help, const char* type) {
    out += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
  }
};

void vllm(Page& page, std::string_view version, const std::string& model, const ServingModel& s) {
  const std::string labels = fmt::format("engine=\"0\",model_name=\"{}\"", model);
  const bool modern = at_least(version, 11);
  page.gauge("vllm:num_requests_running", "Number of requests in model execution batches.", labels,
             std::round(s.running()));
  page.gauge("vllm:num_requests_waiting", "Number of requests waiting to be processed.", labels,
             std::ceil(s.waiting()));
  page.gauge(modern ? "vllm:kv_cache_usage_perc" : "vllm:gpu_cache_usage_perc",
             "KV-cache usage. 1 means 100 percent usage.", labels, s.cache_usage());
  page.counter("vllm:prompt_tokens_total", "Number of prefill tokens processed.", labels, s.prompt_tokens);
  page.counter("vllm:generation_tokens_total", "Number of generation tokens processed.", labels,
               s.generated_tokens);
  page.counter("vllm:request_success_total", "Count of successfully processed requests.",
               labels + ",finished_reason=\"stop\"", s.finished);
  page.counter("vllm:num_preemptions_total", "Cumulative number of preemptions.", labels, 0);
  page.counter("vllm:prefix_cache_queries_total", "Prefix cache queries, in tokens.", labels,
               s.prompt_tokens);
  page.counter("vllm:prefix_cache_hits_total", "Prefix cache hits, in tokens.", labels, 0);
  page.histogram("vllm:time_to_first_token_seconds", "Time to first token in seconds.", labels,
                 s.first_token);
  page.histogram(modern ? "vllm:inter_token_latency_seconds" : "vllm:time_per_output_token_seconds",
                 "Time per output token in seconds.", labels, s.per_token);
  page.histogram("vllm:e2e_request_latency_seconds", "End to end request latency in seconds.", labels,
                 s.whole_request);
  page.histogram("vllm:request_queue_time_seconds", "Time spent in WAITING phase.", labels, s.queue_time);
  page.gauge("vllm:cache_config_info", "Information of the LLMEngine CacheConfig",
             fmt::format("block_size=\"{}\",engine=\"0\",num_gpu_blocks=\"{}\"", kBlockTokens,
                         s.cache_tokens() / kBlockTokens),
             1);
}

void sglang(Page& page, const std::string& model, const ServingModel& s) {
  const std::string labels = fmt::format("engine_type=\"unified\",model_name=\"{}\"", model);
  page.gauge("sglang:num_running_reqs", "The number of running requests.", labels, std::round(s.running()));
  page.gauge("sglang:num_queue_reqs", "The number of requests in the waiting queue.", labels,
             std::ceil(s.waiting()));
  page.gauge("sglang:token_usage", "The token usage.", labels, s.cache_usage());
  page.gauge("sglang:max_total_num_tokens", "Maximum total number of tokens in the KV cache pool.", labels,
             static_cast<double>(s.cache_tokens()));
  page.gauge("sglang:gen_throughput", "The generation throughput (token/s).", labels, s.generation_rate());
}

void tgi(Page& page, const ServingModel& s) {
  page.gauge("tgi_queue_size", "Requests waiting in the internal queue.", "", std::ceil(s.waiting()));
  page.gauge("tgi_batch_current_size", "Requests in the running batch.", "", std::round(s.running()));
}

void triton(Page& page, const std::string& model, const ServingModel& s) {
  const std::string labels = fmt::format("model=\"{}\",version=\"1\"", model);
  page.counter("nv_inference_queue_duration_us", "Cumulative inference queuing duration in microseconds",
               labels, s.queued_seconds * 1e6);
  page.gauge("nv_inference_pending_request_count", "Instantaneous number of pending requests per-model.",
             labels, std::ceil(s.waiting()));
}

}  // namespace

Engine engine_of(std::string_view image) {
  if (contains(image, "vllm")) return Engine::kVllm;
  if (contains(image, "sglang")) return Engine::kSglang;
  if (contains(image, "text-generation-inference")) return Engine::kTgi;
  if (contains(image, "triton") || contains(image, "tensorrt")) return Engine::kTriton;
  return Engine::kOther;
}

std::string_view engine_name(Engine engine) {
  switch (engine) {
    case Engine::kVllm:
      return "vLLM";
    case Engine::kSglang:
      return "SGLang";
    case Engine::kTgi:
      return "text-generation-inference";
    case Engine::kTriton:
      return "TensorRT-LLM";
    default:
      return "engine";
  }
}

std::string_view version_of(std::string_view image) {
  const size_t slash = image.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? image : image.substr(slash + 1);
  const size_t colon = name.find(':');
  if (colon == std::string_view::npos) return {};
  std::string_view tag = name.substr(colon + 1);
  if (tag.starts_with('v')) tag.remove_prefix(1);
  tag = tag.substr(0, tag.find_first_of("-@"));
  return !tag.empty() && tag.find_first_not_of("0123456789.") == std::string_view::npos ? tag
                                                                                        : std::string_view();
}

std::string metrics_page(Engine engine, std::string_view version, const std::string& model,
                         const ServingModel& state) {
  Page page;
  if (engine == Engine::kVllm) vllm(page, version, model, state);
  if (engine == Engine::kSglang) sglang(page, model, state);
  if (engine == Engine::kTgi) tgi(page, state);
  if (engine == Engine::kTriton) triton(page, model, state);
  return std::move(page.out);
}

std::optional<double> read_metric(std::string_view page, std::string_view series) {
  std::optional<double> out;
  while (!page.empty()) {
    const std::string_view line = page.substr(0, page.find('\n'));
    page.remove_prefix(std::min(page.size(), line.size() + 1));
    if (!line.starts_with(series)) continue;
    const std::string_view rest = line.substr(series.size());
    if (!rest.starts_with('{') && !rest.starts_with(' ')) continue;
    out = out.value_or(0) + std::strtod(std::string(line.substr(line.rfind(' ') + 1)).c_str(), nullptr);
  }
  return out;
}

}  // namespace stowage::sandbox

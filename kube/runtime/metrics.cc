#include "kube/runtime/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <utility>

namespace stowage::kube {

void Counter::add(double by) {
  if (series_ != nullptr) series_->Increment(by);
}
double Counter::value() const {
  return series_ == nullptr ? 0 : series_->Value();
}
void Gauge::set(double value) {
  if (series_ != nullptr) series_->Set(value);
}
void Gauge::add(double by) {
  if (series_ != nullptr) series_->Increment(by);
}
double Gauge::value() const {
  return series_ == nullptr ? 0 : series_->Value();
}
void Histogram::observe(double value) {
  if (series_ != nullptr) series_->Observe(value);
}

struct Metrics::Impl {
  // Merge: a family that is asked for twice is the same family.
  prometheus::Registry registry{prometheus::Registry::InsertBehavior::Merge};
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter Metrics::counter(std::string name, std::string help, const Labels& labels) {
  auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(impl_->registry);
  return Counter(&family.Add(labels));
}

Gauge Metrics::gauge(std::string name, std::string help, const Labels& labels) {
  auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(impl_->registry);
  return Gauge(&family.Add(labels));
}

Histogram Metrics::histogram(std::string name, std::string help, const Labels& labels,
                             std::vector<double> buckets) {
  if (buckets.empty()) buckets = {0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60};
  auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(impl_->registry);
  return Histogram(&family.Add(labels, std::move(buckets)));
}

std::string Metrics::scrape() const {
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

WorkQueueMetrics WorkQueueMetrics::of(Metrics* metrics, const std::string& name) {
  if (metrics == nullptr) return {};
  const Metrics::Labels labels{{"name", name}};
  return {.depth = metrics->gauge("workqueue_depth", "Keys that wait for a worker.", labels),
          .adds = metrics->counter("workqueue_adds_total", "Keys added.", labels),
          .retries = metrics->counter("workqueue_retries_total", "Keys added with back-off.", labels),
          .queued = metrics->histogram("workqueue_queue_duration_seconds", "From add to get.", labels),
          .worked = metrics->histogram("workqueue_work_duration_seconds", "From get to done.", labels)};
}

ControllerMetrics ControllerMetrics::of(Metrics* metrics, const std::string& name) {
  if (metrics == nullptr) return {};
  const auto result = [&](const char* value) {
    return metrics->counter("controller_runtime_reconcile_total", "Reconciles by result.",
                            {{"controller", name}, {"result", value}});
  };
  const Metrics::Labels labels{{"controller", name}};
  return {
      .success = result("success"),
      .error = result("error"),
      .requeue_after = result("requeue_after"),
      .errors = metrics->counter("controller_runtime_reconcile_errors_total", "Failed reconciles.", labels),
      .seconds =
          metrics->histogram("controller_runtime_reconcile_time_seconds", "Time of one reconcile.", labels),
      .active = metrics->gauge("controller_runtime_active_workers", "Reconciles that run now.", labels),
      .workers = metrics->gauge("controller_runtime_max_concurrent_reconciles",
                                "Reconciles that may run at once.", labels)};
}

}  // namespace stowage::kube

#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace stowage::kube {

/// Handles to one time series. Cheap to copy; a default-constructed one counts nothing, so that code under
/// test needs no registry. They live as long as the Metrics that made them.
class Counter {
 public:
  Counter() = default;
  explicit Counter(prometheus::Counter* series) : series_(series) {}
  /// `by` >= 0.
  void add(double by = 1);
  [[nodiscard]] double value() const;

 private:
  prometheus::Counter* series_ = nullptr;
};

class Gauge {
 public:
  Gauge() = default;
  explicit Gauge(prometheus::Gauge* series) : series_(series) {}
  void set(double value);
  void add(double by);
  [[nodiscard]] double value() const;

 private:
  prometheus::Gauge* series_ = nullptr;
};

class Histogram {
 public:
  Histogram() = default;
  explicit Histogram(prometheus::Histogram* series) : series_(series) {}
  void observe(double value);

 private:
  prometheus::Histogram* series_ = nullptr;
};

/// The process's time series, in Prometheus' text format at /metrics. Names that controller-runtime or
/// client-go have for the same thing are kept; own series start with `stowage_`.
///
/// Asking twice for the same name and labels gives the same series. Thread rule: any thread.
class Metrics {
 public:
  using Labels = std::map<std::string, std::string>;

  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  Counter counter(std::string name, std::string help, const Labels& labels = {});
  Gauge gauge(std::string name, std::string help, const Labels& labels = {});
  /// `buckets` are upper bounds in the metric's unit, ascending; empty = 1 ms ... 60 s in seconds.
  Histogram histogram(std::string name, std::string help, const Labels& labels = {},
                      std::vector<double> buckets = {});
  /// Everything, in text format 0.0.4.
  [[nodiscard]] std::string scrape() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The series of one work queue, as client-go names them. From a null `metrics`: counts nothing.
struct WorkQueueMetrics {
  Gauge depth;       ///< workqueue_depth
  Counter adds;      ///< workqueue_adds_total
  Counter retries;   ///< workqueue_retries_total
  Histogram queued;  ///< workqueue_queue_duration_seconds
  Histogram worked;  ///< workqueue_work_duration_seconds
  static WorkQueueMetrics of(Metrics* metrics, const std::string& name);
};

/// The series of one controller, as controller-runtime names them. From a null `metrics`: counts nothing.
struct ControllerMetrics {
  Counter success;        ///< controller_runtime_reconcile_total{result="success"}
  Counter error;          ///< controller_runtime_reconcile_total{result="error"}
  Counter requeue_after;  ///< controller_runtime_reconcile_total{result="requeue_after"}
  Counter errors;         ///< controller_runtime_reconcile_errors_total
  Histogram seconds;      ///< controller_runtime_reconcile_time_seconds
  Gauge active;           ///< controller_runtime_active_workers
  Gauge workers;          ///< controller_runtime_max_concurrent_reconciles
  static ControllerMetrics of(Metrics* metrics, const std::string& name);
};

}  // namespace stowage::kube

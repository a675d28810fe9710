#pragma once

#include "kube/runtime/metrics.h"

namespace stowage::kube {

/// What Prometheus' client libraries tell of their process on Linux: process_resident_memory_bytes,
/// process_virtual_memory_bytes, process_cpu_seconds_total, process_open_fds, process_start_time_seconds.
class ProcessStats {
 public:
  explicit ProcessStats(Metrics& metrics);
  /// Reads /proc/self; call it before a scrape. What cannot be read keeps its last value.
  void update();

 private:
  Gauge resident_;
  Gauge virtual_;
  Gauge cpu_;
  Gauge fds_;
  Gauge start_;
};

}  // namespace stowage::kube

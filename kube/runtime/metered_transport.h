#pragma once

#include <map>
#include <string>
#include <utility>

#include "base/clock.h"
#include "kube/client/transport.h"
#include "kube/runtime/metrics.h"

namespace stowage::kube {

/// Counts what is sent: `rest_client_requests_total{method,code,host}` and
/// `rest_client_request_duration_seconds{verb,host}`, as client-go names them. An exchange without a status
/// has the code "<error>". A stream counts when its head has arrived, and has no duration.
class MeteredTransport final : public Transport {
 public:
  /// All outlive the transport. `host` is the server's, for the label.
  MeteredTransport(Transport& next, const Clock& clock, Metrics& metrics, std::string host)
      : next_(next), clock_(clock), metrics_(metrics), host_(std::move(host)) {}

  boost::asio::awaitable<Result<HttpResponse>> call(HttpRequest request) override;
  boost::asio::awaitable<Result<std::unique_ptr<BodyStream>>> open(HttpRequest request) override;

 private:
  /// `status` 0 = none.
  void count(Method method, int status);
  void observe(Method method, MonoTime begin);

  Transport& next_;
  const Clock& clock_;
  Metrics& metrics_;
  std::string host_;
  std::map<std::pair<Method, int>, Counter> counters_;
  std::map<Method, Histogram> durations_;
};

}  // namespace stowage::kube

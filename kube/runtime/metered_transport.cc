#include "kube/runtime/metered_transport.h"

#include <chrono>

namespace stowage::kube {
namespace asio = boost::asio;

void MeteredTransport::count(Method method, int status) {
  auto [it, fresh] = counters_.try_emplace({method, status});
  if (fresh) {
    it->second = metrics_.counter("rest_client_requests_total", "Requests to the API server.",
                                  {{"method", method_name(method)},
                                   {"code", status == 0 ? "<error>" : std::to_string(status)},
                                   {"host", host_}});
  }
  it->second.add();
}

void MeteredTransport::observe(Method method, MonoTime begin) {
  auto [it, fresh] = durations_.try_emplace(method);
  if (fresh) {
    it->second =
        metrics_.histogram("rest_client_request_duration_seconds", "Time of one request to the API server.",
                           {{"verb", method_name(method)}, {"host", host_}});
  }
  it->second.observe(std::chrono::duration<double>(clock_.now() - begin).count());
}

asio::awaitable<Result<HttpResponse>> MeteredTransport::call(HttpRequest request) {
  const Method method = request.method;
  const MonoTime begin = clock_.now();
  auto response = co_await next_.call(std::move(request));
  count(method, response ? response->status : 0);
  observe(method, begin);
  co_return std::move(response);
}

asio::awaitable<Result<std::unique_ptr<BodyStream>>> MeteredTransport::open(HttpRequest request) {
  const Method method = request.method;
  auto stream = co_await next_.open(std::move(request));
  count(method, stream ? (*stream)->status() : 0);
  co_return std::move(stream);
}

}  // namespace stowage::kube

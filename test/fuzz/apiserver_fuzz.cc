// Requests to the sandbox's API server: the first byte chooses verb and media type, the rest up to a zero
// byte is the target, what follows is the body. Whatever comes in must end in a response.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>

#include "sandbox/apiserver/server.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stowage::sandbox;
  if (size == 0) return 0;
  static constexpr const char* kMethods[] = {"POST", "PATCH", "PUT", "GET", "DELETE"};
  static constexpr const char* kTypes[] = {"application/json",
                                           "application/yaml",
                                           "application/merge-patch+json",
                                           "application/json-patch+json",
                                           "application/strategic-merge-patch+json",
                                           "application/apply-patch+yaml"};
  // One server for all inputs: building it costs more than a request. Its state is bounded by starting over.
  static const stowage::WallTime now{std::chrono::seconds(1'700'000'000)};
  static Server* server = nullptr;
  if (server == nullptr || server->object_count() > 2000) {
    delete server;
    server = new Server();
    server->bootstrap(now);
  }
  Request request;
  request.method = kMethods[data[0] % std::size(kMethods)];
  request.content_type = kTypes[data[0] / std::size(kMethods) % std::size(kTypes)];
  const std::string rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t zero = rest.find('\0');
  const std::string target = rest.substr(0, zero);
  request.path = target.substr(0, target.find('?'));
  if (const size_t mark = target.find('?'); mark != std::string::npos)
    request.query = target.substr(mark + 1);
  if (zero != std::string::npos) request.body = rest.substr(zero + 1);
  Response response = server->handle(request, now);
  if (response.status < 200 || response.status > 599) __builtin_trap();
  if (response.watch) (void)response.watch->next();
  server->step(now);
  return 0;
}

// Many calls and many streams at once over the client's own transport, on a real server: prints how many were
// answered and how many connections that took.
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "kube/client/connect.h"

namespace {

using stowage::Result;
using stowage::kube::BodyStream;
using stowage::kube::Transport;
namespace asio = boost::asio;
namespace fs = std::filesystem;

struct Counts {
  int left = 0;
  int answered = 0;
  std::string first_error;
};

/// TCP connections of this process.
int connections() {
  int out = 0;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    int domain = 0;
    socklen_t size = sizeof domain;
    const int fd = std::stoi(entry.path().filename());
    if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain != AF_UNIX) ++out;
  }
  return out;
}

void note(Counts& counts, bool answered, const std::string& problem, asio::io_context& loop) {
  counts.answered += answered ? 1 : 0;
  if (!answered && counts.first_error.empty()) counts.first_error = problem;
  if (--counts.left == 0) loop.stop();
}

asio::awaitable<void> call(Transport& transport, Counts& counts, asio::io_context& loop) {
  const auto response = co_await transport.call({.target = "/api/v1/namespaces/default"});
  note(counts, response && response->status == 200, response ? "refused" : response.error().message, loop);
}

asio::awaitable<void> watch(Transport& transport, Counts& counts,
                            std::vector<std::unique_ptr<BodyStream>>& open, asio::io_context& loop) {
  auto stream = co_await transport.open({.target = "/api/v1/namespaces/default/configmaps?watch=true"});
  const bool answered = stream && (*stream)->status() == 200;
  const std::string problem = stream ? "refused" : stream.error().message;
  if (answered) open.push_back(std::move(*stream));
  note(counts, answered, problem, loop);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Calls and watches of the API server, all at once"};
  stowage::kube::ConnectOptions options;
  int calls = 400;
  int watches = 150;
  app.add_option("--kubeconfig", options.kubeconfig, "kubeconfig file")->required();
  app.add_option("--calls", calls, "calls at once")->check(CLI::Range(1, 10'000));
  app.add_option("--watches", watches, "watches at once")->check(CLI::Range(1, 10'000));
  CLI11_PARSE(app, argc, argv);

  asio::io_context loop(1);
  stowage::SystemClock clock;
  auto connection = stowage::kube::connect(loop.get_executor(), clock, options);
  if (!connection) {
    std::fprintf(stderr, "transport-burst: %s\n", connection.error().message.c_str());
    return 1;
  }
  Transport& transport = *connection->transport;
  Counts called{.left = calls};
  for (int i = 0; i < calls; ++i)
    asio::co_spawn(loop, call(transport, called, loop), asio::detached);
  loop.run();
  const int for_calls = connections();
  Counts watched{.left = watches};
  std::vector<std::unique_ptr<BodyStream>> open;
  for (int i = 0; i < watches; ++i)
    asio::co_spawn(loop, watch(transport, watched, open, loop), asio::detached);
  loop.restart();
  loop.run();
  std::printf(R"({"answered":%d,"call_connections":%d,"opened":%d,"watch_connections":%d})"
              "\n",
              called.answered, for_calls, watched.answered, connections() - for_calls);
  for (const Counts* counts : {&called, &watched}) {
    if (!counts->first_error.empty())
      std::fprintf(stderr, "transport-burst: %s\n", counts->first_error.c_str());
  }
  open.clear();
  return called.answered == calls && watched.answered == watches ? 0 : 1;
}

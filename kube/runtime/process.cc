#include "kube/runtime/process.h"

#include <malloc.h>
#include <unistd.h>

#include <fmt/format.h>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <random>
#include <utility>

#include "kube/client/connect.h"
#include "kube/runtime/asio_timers.h"
#include "kube/runtime/metered_transport.h"
#include "kube/runtime/process_life.h"
#include "kube/runtime/process_options.h"
#include "kube/runtime/process_stats.h"
#include "kube/runtime/serve.h"
#include "kube/runtime/text_file.h"

namespace stowage::kube {
namespace asio = boost::asio;

namespace {

constexpr Millis kShutdownLimit{28'000};  // rule 31 gives 30 s; the kubelet's default patience is the same
constexpr Millis kHeartbeat{1'000};
constexpr Millis kStatsAge{1'000};
constexpr Millis kLateHeartbeat{10'000};

int complain(const ProcessSpec& spec, int code, std::string_view text) {
  fmt::print(stderr, "{}: {}\n", spec.name, text);
  return code;
}

Result<ConfigFile> read_config(const ProcessSpec& spec, const std::string& path) {
  if (path.empty()) return ConfigFile::parse("", "(defaults)", spec.config_kind);
  constexpr size_t kMostBytes = size_t{1} << 20;
  TRY(std::string text, read_text_file(path, kMostBytes));
  return ConfigFile::parse(std::move(text), path, spec.config_kind);
}

uint64_t seed_from_system() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

std::string make_identity(Random& random) {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host = {"unknown"};
  return fmt::format("{}_{:016x}", host.data(), random.next());
}

/// Host and port of "https://host:port/prefix", for a label.
std::string host_of(std::string_view url) {
  const size_t begin = url.find("://");
  if (begin != std::string_view::npos) url.remove_prefix(begin + 3);
  return std::string(url.substr(0, url.find('/')));
}

/// Everything that one run holds, in the order in which it is built; destroyed the other way round.
class Run {
 public:
  Run(const ProcessSpec& spec, ConfigFile file, ProcessOptions options)
      : spec_(spec),
        file_(std::move(file)),
        options_(std::move(options)),
        log_(stderr, options_.log_format, options_.log_level, clock_),
        timers_(io_.get_executor()),
        random_(seed_from_system()),
        stats_(metrics_),
        env_{io_.get_executor(), clock_, timers_, random_, log_, &metrics_},
        signals_(io_, SIGTERM, SIGINT),
        serving_(env_) {}

  int operator()();

 private:
  Result<void> build();
  [[nodiscard]] LifeOptions life_options(const Connection& connection);
  Page page(const std::string& path);
  void await_signal();
  asio::awaitable<void> heartbeat();
  asio::awaitable<void> enforce_shutdown();
  asio::awaitable<void> main();

  const ProcessSpec& spec_;
  ConfigFile file_;
  ProcessOptions options_;
  SystemClock clock_;
  StreamLogger log_;
  asio::io_context io_{1};
  AsioTimers timers_;
  Random random_;
  Metrics metrics_;
  ProcessStats stats_;
  Environment env_;
  asio::signal_set signals_;
  std::unique_ptr<Transport> curl_;
  std::unique_ptr<MeteredTransport> transport_;
  std::unique_ptr<ProcessLife> life_;
  std::unique_ptr<Component> component_;
  std::unique_ptr<PageServer> pages_;
  TaskScope serving_;
  MonoTime last_beat_ = {};
  MonoTime stats_at_ = {};
  bool stopping_ = false;
  int exit_code_ = 1;
};

LifeOptions Run::life_options(const Connection& connection) {
  std::string ns = options_.lease_namespace;
  if (ns.empty() && options_.kubeconfig.empty()) ns = connection.default_namespace;
  if (ns.empty()) ns = "stowage-system";
  return {.name = spec_.name,
          .user_agent = spec_.name + "/" + STOWAGE_VERSION,
          .leader_elect = options_.leader_elect,
          .lease = {.ns = std::move(ns),
                    .name = options_.lease_name,
                    .identity = make_identity(random_),
                    .lease = options_.lease,
                    .renew = options_.renew,
                    .retry = options_.retry}};
}

Result<void> Run::build() {
  TRY(Connection connection, connect(io_.get_executor(), clock_, {.kubeconfig = options_.kubeconfig}));
  curl_ = std::move(connection.transport);
  transport_ = std::make_unique<MeteredTransport>(*curl_, clock_, metrics_, host_of(connection.server_url));
  LifeOptions life = life_options(connection);
  log_.info("starting", {{"name", spec_.name},
                         {"version", STOWAGE_VERSION},
                         {"server", connection.server_url},
                         {"identity", life.lease.identity}});
  life_ = std::make_unique<ProcessLife>(env_, *transport_, std::move(life));
  TRY(component_, spec_.make(life_->context(metrics_, file_.root())));
  TRY_VOID(file_.finish());
  TRY(pages_, PageServer::listen(io_.get_executor(), options_.serve_address,
                                 [this](const std::string& path) { return page(path); }));
  log_.info("serving /livez, /readyz and /metrics", {{"address", pages_->address()}});
  return {};
}

Page Run::page(const std::string& path) {
  if (path == "/livez" || path == "/healthz") {
    if (clock_.now() - last_beat_ <= kLateHeartbeat) return {.body = "ok\n"};
    return {.status = 503, .body = "the control loop is late\n"};
  }
  if (path == "/readyz") {
    const auto ready = stopping_ ? fail(Code::kUnavailable, "shutting down") : life_->ready();
    if (ready) return {.body = "ok\n"};
    return {.status = 503, .body = ready.error().message + "\n"};
  }
  if (path == "/metrics") {
    // Reading /proc costs more than all other figures together; who asks more often gets the last one.
    if (clock_.now() - stats_at_ >= kStatsAge) {
      stats_.update();
      stats_at_ = clock_.now();
    }
    return {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = metrics_.scrape()};
  }
  return {.status = 404, .body = "here are /livez, /readyz and /metrics\n"};
}

void Run::await_signal() {
  signals_.async_wait([this](const boost::system::error_code& error, int number) {
    if (error) return;
    log_.info("signal", {{"signal", number == SIGTERM ? "SIGTERM" : "SIGINT"}});
    if (stopping_) {
      log_.warn("second signal: ending at once");
      std::_Exit(1);
    }
    stopping_ = true;
    life_->stop();
    serving_.spawn("shutdown limit", enforce_shutdown());
    await_signal();
  });
}

asio::awaitable<void> Run::heartbeat() {
  for (int beats = 0;; ++beats) {
    last_beat_ = clock_.now();
    // A list leaves freed pages behind that glibc keeps for itself; give them back once a minute.
    if (beats % 60 == 30) malloc_trim(0);
    co_await env_.sleep_for(kHeartbeat);
  }
}

asio::awaitable<void> Run::enforce_shutdown() {
  co_await env_.sleep_for(kShutdownLimit);
  log_.error("shutdown took too long: ending without it");
  std::_Exit(1);
}

asio::awaitable<void> Run::main() {
  exit_code_ = co_await life_->run(*component_);
  signals_.cancel();
  serving_.cancel();
  co_await serving_.join();
  // The transport keeps connections open and watches them: the loop would not run dry by itself.
  io_.stop();
}

int Run::operator()() {
  if (const auto built = build(); !built) {
    log_.error("cannot start", {{"error", built.error().message}});
    return 1;
  }
  last_beat_ = clock_.now();
  await_signal();
  serving_.spawn("heartbeat", heartbeat());
  pages_->start(serving_);
  asio::co_spawn(io_, main(), [](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
  });
  io_.run();
  return exit_code_;
}

}  // namespace

int run_process(const ProcessSpec& spec, int argc, char** argv) {
  // A peer that goes away is an error of a write, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  const CommandLine line = parse_command_line(spec, argc, argv);
  if (line.exit_code) {
    std::fputs(line.text.c_str(), *line.exit_code == 0 ? stdout : stderr);
    return *line.exit_code;
  }
  auto file = read_config(spec, line.flags.config_path);
  if (!file) return complain(spec, 2, file.error().message);
  auto options = resolve_options(spec, line.flags, file->root());
  if (!options) return complain(spec, 2, options.error().message);
  Run run(spec, *std::move(file), *std::move(options));
  return run();
}

}  // namespace stowage::kube

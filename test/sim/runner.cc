#include "test/sim/runner.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/check.h"

namespace stowage::sim {
namespace {

using Json = nlohmann::json;

struct Worker {
  pid_t pid = 0;
  int from = -1;
  uint64_t next = 0;  ///< Seed that it plays now.
  std::string pending;
};

/// The most memory that this process has held so far.
int64_t peak_mb() {
  rusage usage{};
  return ::getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss / 1024 : 0;
}

std::string encode(const Verdict& verdict) {
  Json list = Json::array();
  for (const Violation& v : verdict.violations)
    list.push_back({v.invariant, v.what});
  const Json json = {
      {"seed", verdict.seed}, {"violations", list}, {"story", verdict.story}, {"peak_mb", verdict.peak_mb}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Verdict decode(const std::string& line) {
  const Json json = Json::parse(line);
  Verdict out{.seed = json["seed"], .violations = {}, .story = json["story"], .peak_mb = json["peak_mb"]};
  for (const Json& v : json["violations"])
    out.violations.push_back({.invariant = v[0], .what = v[1]});
  return out;
}

void write_all(int to, const std::string& text) {
  for (size_t sent = 0; sent < text.size();) {
    const ssize_t count = ::write(to, text.data() + sent, text.size() - sent);
    if (count <= 0) ::_exit(3);
    sent += static_cast<size_t>(count);
  }
}

Verdict measured(Verdict verdict) {
  verdict.peak_mb = peak_mb();
  return verdict;
}

[[noreturn]] void work(int to, uint64_t first, uint64_t last, uint64_t step,
                       const std::function<Verdict(uint64_t)>& play) {
  for (uint64_t seed = first; seed <= last; seed += step)
    write_all(to, encode(measured(play(seed))));
  ::_exit(0);
}

Worker start(uint64_t first, uint64_t last, uint64_t step, const std::function<Verdict(uint64_t)>& play) {
  int ends[2];
  STOWAGE_CHECK(::pipe(ends) == 0, "no pipe");
  std::fflush(nullptr);
  Worker out{.pid = ::fork(), .from = ends[0], .next = first, .pending = {}};
  STOWAGE_CHECK(out.pid >= 0, "no process");
  if (out.pid == 0) {
    ::close(ends[0]);
    work(ends[1], first, last, step, play);
  }
  ::close(ends[1]);
  return out;
}

}  // namespace

void run_seeds(uint64_t first, uint64_t last, int jobs, const std::function<Verdict(uint64_t)>& play,
               const std::function<void(const Verdict&)>& done) {
  const uint64_t count = last - first + 1;
  const auto step = std::min<uint64_t>(static_cast<uint64_t>(std::max(jobs, 1)), count);
  if (step == 1) {
    for (uint64_t seed = first; seed <= last; ++seed)
      done(measured(play(seed)));
    return;
  }
  std::vector<Worker> workers;
  for (uint64_t i = 0; i < step; ++i)
    workers.push_back(start(first + i, last, step, play));
  while (!workers.empty()) {
    std::vector<pollfd> fds;
    for (const Worker& worker : workers)
      fds.push_back({.fd = worker.from, .events = POLLIN, .revents = 0});
    if (::poll(fds.data(), fds.size(), -1) < 0) continue;
    for (size_t i = workers.size(); i-- > 0;) {
      if (fds[i].revents == 0) continue;
      Worker& worker = workers[i];
      char buffer[65536];
      const ssize_t got = ::read(worker.from, buffer, sizeof buffer);
      if (got > 0) {
        worker.pending.append(buffer, static_cast<size_t>(got));
        for (size_t end = 0; (end = worker.pending.find('\n')) != std::string::npos;) {
          done(decode(worker.pending.substr(0, end)));
          worker.pending.erase(0, end + 1);
          worker.next += step;
        }
        continue;
      }
      ::close(worker.from);
      int status = 0;
      ::waitpid(worker.pid, &status, 0);
      const uint64_t seed = worker.next;
      workers.erase(workers.begin() + static_cast<std::ptrdiff_t>(i));
      if (seed > last) continue;
      done({.seed = seed,
            .violations = {{"crash", "the process ended while it played"}},
            .story = {},
            .peak_mb = 0});
      if (seed + step <= last) workers.push_back(start(seed + step, last, step, play));
    }
  }
}

}  // namespace stowage::sim

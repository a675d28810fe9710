#include "gpu-scheduler/replay/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

namespace stowage::replay {
namespace {

constexpr int kWidth = 20;
/// Below this a guess of the time left is mostly wrong.
constexpr double kGuessAfterSeconds = 2;
constexpr double kLineEverySeconds = 5;
/// A terminal is drawn on at most this often.
constexpr double kDrawEverySeconds = 0.1;

double machine_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string in_words(double seconds) {
  const auto whole = static_cast<int64_t>(seconds + 0.5);
  return whole < 60 ? fmt::format("{} s", whole) : fmt::format("{} min {} s", whole / 60, whole % 60);
}

}  // namespace

std::string progress_bar(int done, double elapsed_s) {
  done = std::clamp(done, 0, 100);
  std::string bar(static_cast<size_t>(done * kWidth / 100), '#');
  std::string out = fmt::format("[{:<{}}] {:3} %", bar, kWidth, done);
  if (done > 0 && done < 100 && elapsed_s >= kGuessAfterSeconds)
    out += fmt::format(", {} left", in_words(elapsed_s * (100 - done) / done));
  return out;
}

Progress::Progress(std::string title)
    : Progress(std::move(title), stderr, isatty(STDERR_FILENO) != 0, machine_seconds) {}

Progress::Progress(std::string title, std::FILE* out, bool terminal, Seconds clock)
    : title_(std::move(title)),
      out_(out),
      terminal_(terminal),
      clock_(std::move(clock)),
      start_(clock_()),
      last_(start_) {}

Progress::~Progress() {
  if (terminal_ && percent_ >= 0) {
    fmt::print(out_, "\r\033[K");
    std::fflush(out_);
  }
}

void Progress::at(int percent) {
  if (percent == percent_) return;
  const double now = clock_();
  if (now - last_ < (terminal_ ? kDrawEverySeconds : kLineEverySeconds)) return;
  percent_ = percent;
  last_ = now;
  fmt::print(out_, "{}{} {}{}", terminal_ ? "\r\033[K" : "", title_, progress_bar(percent, now - start_),
             terminal_ ? "" : "\n");
  std::fflush(out_);
}

}  // namespace stowage::replay

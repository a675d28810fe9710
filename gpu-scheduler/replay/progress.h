#pragma once

#include <cstdio>
#include <functional>
#include <string>

namespace stowage::replay {

/// "[#####               ]  25 %", or, when it is known, with the time left: "..., 1 min 30 s left". `done`
/// is clamped to 0..100.
std::string progress_bar(int done, double elapsed_s);

/// Tells on a stream how far a long run is: a bar that is drawn over itself on a terminal, else a line every
/// five seconds, so that a short run leaves nothing in a log. Erases the bar at its end.
class Progress {
 public:
  using Seconds = std::function<double()>;  ///< A clock that never goes back.
  /// On stderr, by the machine's clock.
  explicit Progress(std::string title);
  Progress(std::string title, std::FILE* out, bool terminal, Seconds clock);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Percent done, 0..100. Cheap to call often.
  void at(int percent);

 private:
  std::string title_;
  std::FILE* out_;
  bool terminal_;
  Seconds clock_;
  double start_;
  double last_;
  int percent_ = -1;
};

}  // namespace stowage::replay

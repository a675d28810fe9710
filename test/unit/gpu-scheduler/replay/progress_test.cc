#include "gpu-scheduler/replay/progress.h"

#include <catch2/catch.hpp>
#include <string>

namespace stowage::replay {
namespace {

/// What is written to a stream of its own.
class Written {
 public:
  Written() : file_(std::tmpfile()) {}
  ~Written() { std::fclose(file_); }
  Written(const Written&) = delete;
  Written& operator=(const Written&) = delete;
  [[nodiscard]] std::FILE* file() const { return file_; }
  [[nodiscard]] std::string text() const {
    std::rewind(file_);
    std::string out(4096, '\0');
    out.resize(std::fread(out.data(), 1, out.size(), file_));
    return out;
  }

 private:
  std::FILE* file_;
};

TEST_CASE("bar: as long as what is done, with the time left once it can be guessed") {
  CHECK(progress_bar(0, 0) == "[                    ]   0 %");
  CHECK(progress_bar(50, 1) == "[##########          ]  50 %");
  CHECK(progress_bar(50, 100) == "[##########          ]  50 %, 1 min 40 s left");
  CHECK(progress_bar(100, 100) == "[####################] 100 %");
  CHECK(progress_bar(250, 0) == progress_bar(100, 0));
  CHECK(progress_bar(-1, 0) == progress_bar(0, 0));
}

TEST_CASE("no terminal and a short run: nothing is written") {
  Written out;
  double now = 0;
  {
    Progress progress("openb", out.file(), false, [&] { return now; });
    for (int percent : {0, 50, 100}) {
      now += 1;
      progress.at(percent);
    }
  }
  CHECK(out.text().empty());
}

TEST_CASE("no terminal and a long run: a line every five seconds") {
  Written out;
  double now = 0;
  {
    Progress progress("openb", out.file(), false, [&] { return now; });
    for (int percent = 0; percent < 12; ++percent) {
      now += 1;
      progress.at(percent);
    }
  }
  CHECK(out.text() ==
        "openb [                    ]   4 %, 2 min 0 s left\n"
        "openb [#                   ]   9 %, 1 min 41 s left\n");
}

TEST_CASE("terminal: drawn over itself and erased in the end") {
  Written out;
  double now = 0;
  {
    Progress progress("openb", out.file(), true, [&] { return now; });
    now = 0.2;
    progress.at(10);
    progress.at(10);
    now = 0.25;
    progress.at(11);
  }
  CHECK(out.text() == "\r\033[Kopenb [##                  ]  10 %\r\033[K");
}

}  // namespace
}  // namespace stowage::replay

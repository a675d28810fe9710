#include "kube/runtime/all_of.h"

#include <boost/asio/error.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/system/system_error.hpp>
#include <span>
#include <utility>

namespace stowage::kube {
namespace asio = boost::asio;
// It joins the tasks below; clang-tidy does not see it there.
using asio::experimental::awaitable_operators::operator&&;  // NOLINT(misc-unused-using-decls)

namespace {

// In halves: the operator joins two, and the depth stays logarithmic.
asio::awaitable<void> run(std::span<asio::awaitable<Result<void>>> tasks, std::span<Result<void>> results) {
  if (tasks.size() == 1) {
    results.front() = co_await std::move(tasks.front());
    co_return;
  }
  const size_t half = tasks.size() / 2;
  co_await (run(tasks.first(half), results.first(half)) && run(tasks.subspan(half), results.subspan(half)));
}

}  // namespace

asio::awaitable<std::vector<Result<void>>> all_of(std::vector<asio::awaitable<Result<void>>> tasks) {
  std::vector<Result<void>> results(tasks.size());
  if (tasks.empty()) co_return results;
  try {
    co_await run(tasks, results);
  } catch (const asio::multiple_exceptions&) {
    // Tasks tell failures by their results; they throw when the caller was cancelled.
    throw boost::system::system_error(asio::error::operation_aborted);
  }
  co_return results;
}

}  // namespace stowage::kube

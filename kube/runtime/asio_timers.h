#pragma once

#include <boost/asio/any_io_executor.hpp>

#include "kube/runtime/environment.h"

namespace stowage::kube {

/// Real time: one Asio timer a wait. Constructed in main only.
class AsioTimers final : public Timers {
 public:
  explicit AsioTimers(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}
  boost::asio::awaitable<bool> reached(MonoTime deadline) override;

 private:
  boost::asio::any_io_executor executor_;
};

}  // namespace stowage::kube

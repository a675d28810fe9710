#include "kube/runtime/task_scope.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <cstdint>
#include <exception>
#include <map>
#include <utility>
#include <vector>

#include "base/check.h"
#include "kube/runtime/notifier.h"

namespace stowage::kube {
namespace asio = boost::asio;

struct TaskScope::State {
  struct Task {
    std::string name;
    std::function<void()> stop;  ///< Workers only.
    asio::cancellation_signal signal;
  };

  explicit State(Environment env_in) : env(env_in), changed(env_in) {}

  void ended(uint64_t id, const std::exception_ptr& failure);
  [[nodiscard]] size_t workers() const {
    size_t count = 0;
    for (const auto& [id, task] : tasks)
      count += task->stop ? 1 : 0;
    return count;
  }

  Environment env;
  uint64_t next_id = 0;
  bool cancelled = false;
  std::map<uint64_t, std::shared_ptr<Task>> tasks;
  Notifier changed;
};

void TaskScope::State::ended(uint64_t id, const std::exception_ptr& failure) {
  const auto it = tasks.find(id);
  if (failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const boost::system::system_error& error) {
      const std::string what = it->second->name + ": " + error.what();
      STOWAGE_CHECK(error.code() == asio::error::operation_aborted, what);
    } catch (const std::exception& error) {
      const std::string what = it->second->name + ": " + error.what();
      STOWAGE_CHECK(false, what);
    }
  }
  tasks.erase(it);
  changed.notify_all();
}

TaskScope::TaskScope(Environment env) : state_(std::make_shared<State>(env)) {}

TaskScope::~TaskScope() {
  cancel();
}

void TaskScope::spawn(std::string name, asio::awaitable<void> task) {
  spawn_worker(std::move(name), std::move(task), nullptr);
}

void TaskScope::spawn_worker(std::string name, asio::awaitable<void> task, std::function<void()> stop) {
  if (state_->cancelled) return;
  const uint64_t id = state_->next_id++;
  auto entry = std::make_shared<State::Task>(std::move(name), std::move(stop));
  state_->tasks.emplace(id, entry);
  // The entry is held by the completion handler too: its signal must live until the coroutine has ended.
  asio::co_spawn(state_->env.executor, std::move(task),
                 asio::bind_cancellation_slot(entry->signal.slot(),
                                              [state = state_, entry, id](const std::exception_ptr& failure) {
                                                state->ended(id, failure);
                                              }));
}

asio::awaitable<bool> TaskScope::drain(Millis limit) {
  const auto state = state_;
  const MonoTime deadline = state->env.clock.now() + limit;
  std::vector<std::shared_ptr<State::Task>> workers;
  for (const auto& [id, task] : state->tasks) {
    if (task->stop) workers.push_back(task);
  }
  for (const auto& task : workers)
    task->stop();
  while (state->workers() > 0) {
    if (state->env.clock.now() >= deadline) co_return false;
    co_await state->changed.wait_until(deadline);
  }
  co_return true;
}

void TaskScope::cancel() {
  state_->cancelled = true;
  for (const auto& [id, task] : state_->tasks) {
    // Posted: a task may cancel its own scope, and a signal must not be emitted inside its own coroutine.
    asio::post(state_->env.executor, [task] { task->signal.emit(asio::cancellation_type::terminal); });
  }
}

asio::awaitable<void> TaskScope::join() {
  const auto state = state_;
  while (!state->tasks.empty())
    co_await state->changed.wait();
}

size_t TaskScope::running() const {
  return state_->tasks.size();
}

bool TaskScope::cancelled() const {
  return state_->cancelled;
}

}  // namespace stowage::kube

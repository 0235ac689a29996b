// What changes while the process runs: configuration, users, certificates.
#include <chrono>
#include <expected>
#include <utility>

#include "proxy/server/addresses.h"
#include "proxy/server/changes.h"
#include "proxy/server/control.h"
#include "proxy/server/outside.h"

namespace sallyport::server {
namespace {

// What a worker may take to prepare a snapshot: its loop has other work.
constexpr Duration kLongestAnswer = std::chrono::seconds(10);

}  // namespace

runtime::Task<void> Control::follow_changes() {
  struct Changed {
    std::vector<std::string> users;
    std::vector<std::string> certificates;
  };
  Changed changed = co_await loop_.offload(
      [this] { return Changed{users_watch_.changed(), certificates_watch_.changed()}; });
  if (std::exchange(reload_asked_, false)) changed.users.insert(changed.users.begin(), "signal");
  if (staples_.is_due(std::chrono::system_clock::now(),
                      snapshot_.certificates->first_response_end())) {
    changed.certificates.emplace_back("an OCSP response has expired");
  }
  if (!changed.users.empty() || !changed.certificates.empty()) {
    co_await follow(changed.users.empty() ? "" : changed.users.front(),
                    changed.certificates.empty() ? "" : changed.certificates.front());
    wake_.set();
  }
  following_ = false;
  if (reload_asked_) wake_.set();
}

runtime::Task<void> Control::follow(std::string reload_cause, std::string renewal_cause) {
  const bool reloaded = !reload_cause.empty() && co_await reload(reload_cause);
  if (!reloaded && !renewal_cause.empty()) co_await renew(renewal_cause);
}

runtime::Task<bool> Control::reload(std::string cause) {
  using Loaded = std::expected<Next, std::vector<config::Problem>>;
  auto loaded = co_await loop_.offload([this, before = snapshot_]() -> Loaded {
    auto next = load_snapshot(path_, real_outside(), keys_, &before);
    if (!next) return std::unexpected(std::move(next.error()));
    std::string changed = changes(before, *next);
    return Next{std::move(*next), std::move(changed)};
  });
  if (!loaded) {
    refuse(cause, loaded.error());
    co_return false;
  }
  co_return co_await put_in_force(std::move(*loaded), cause);
}

runtime::Task<void> Control::renew(std::string cause) {
  auto renewed = co_await loop_.offload([this, before = snapshot_]() -> Result<Next> {
    auto next = renew_certificates(before, real_outside(), keys_);
    if (!next) return fail(next.error());
    std::string changed = changes(before, *next);
    return Next{std::move(*next), std::move(changed)};
  });
  if (!renewed) {
    refuse(cause, {{.file = path_, .line = 0, .column = 0, .what = renewed.error().text}});
    co_return;
  }
  (void)co_await put_in_force(std::move(*renewed), cause);
}

void Control::refuse(const std::string& cause, const std::vector<config::Problem>& problems) {
  for (const config::Problem& problem : problems) {
    logger_.write(log::Level::kError, "reload_failed",
                  {{"cause", cause}, {"error", problem.str()}});
  }
  metrics_.process().config_reloads[metrics::ReloadResult::kFailure].add();
}

runtime::Task<bool> Control::put_in_force(Next next, std::string cause) {
  const config::Config& wanted = *next.snapshot.config;
  std::vector<config::Problem> problems = taken_addresses(wanted, config().listeners);
  const bool moves_admin = wanted.admin != config().admin;
  // Of two addresses that overlap, such as 127.0.0.1 and 0.0.0.0, we have one already.
  if (moves_admin && endpoint_) endpoint_->share();
  std::expected<std::unique_ptr<runtime::TcpListener>, config::Problem> admin;
  if (moves_admin) admin = listen_for_admin(loop_, wanted);
  if (!admin) problems.push_back(admin.error());
  // One whose file was removed (by a cleaner of /tmp, for example) is opened again.
  const bool is_lost = !wanted.admin_socket.empty() && !runtime::listener_at(wanted.admin_socket);
  const bool moves_socket = wanted.admin_socket != config().admin_socket || is_lost;
  std::expected<std::optional<runtime::ListeningFile>, config::Problem> commands;
  if (moves_socket) commands = listen_for_commands(loop_, wanted);
  if (!commands) problems.push_back(commands.error());
  if (problems.empty()) {
    problems = co_await workers_.prepare(next.snapshot, loop_.after(kLongestAnswer));
  }
  if (!problems.empty() || stops_asked_ > 0) {
    workers_.abandon();
    refuse(cause, problems);
    co_return false;
  }
  snapshot_ = std::move(next.snapshot);
  publish();
  share_out_descriptors();
  if (moves_admin) {
    if (endpoint_) background_.spawn(stop(std::move(endpoint_)));
    if (*admin) serve_admin(std::move(*admin));
  }
  if (moves_socket) {
    if (command_endpoint_) background_.spawn(stop(std::move(command_endpoint_)));
    socket_file_.remove();
    if (auto& listening = *commands; listening.has_value()) serve_commands(std::move(*listening));
  }
  const auto committed = co_await workers_.commit(loop_.after(kLongestAnswer));
  const bool whole = committed && snapshot_.certificates->complaints.empty();
  metrics_.process()
      .config_reloads[whole ? metrics::ReloadResult::kSuccess : metrics::ReloadResult::kFailure]
      .add();
  log::Line line = logger_.line(log::Level::kInfo, "reload");
  line.field("cause", cause).field("config", path_);
  line.field("changed", next.changed.empty() ? "nothing" : next.changed);
  // Threads with their loops and listeners are not made and ended while mail flows through them.
  if (worker_count() != workers_.size()) line.field("needs_restart", "workers");
  if (!committed) line.field("late", committed.error().text);
  logger_.write(log::Level::kInfo, std::move(line));
  (void)co_await loop_.offload([this, in_force = snapshot_] {
    watch_files(in_force);
    return true;
  });
  co_return true;
}

}  // namespace sallyport::server

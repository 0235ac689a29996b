#include "proxy/server/control.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <expected>
#include <memory>
#include <string_view>
#include <utility>

#include "proxy/admin/monitoring.h"
#include "proxy/config/values.h"
#include "proxy/runtime/cpus.h"
#include "proxy/runtime/signals.h"
#include "proxy/server/addresses.h"
#include "proxy/server/limits_page.h"
#include "proxy/server/process.h"
#include "proxy/server/trace_page.h"

namespace sallyport::server {
namespace {

using namespace std::chrono_literals;

// How soon a replaced certificate or users file is noticed.
constexpr Duration kWatchInterval = 1s;
// How long a start waits for addresses that another process has, and how often it asks.
constexpr Duration kHandOver = 3s;
constexpr Duration kAskAgain = 100ms;
// What a worker may take to prepare a snapshot: its loop has other work.
constexpr Duration kLongestAnswer = 10s;
// After its deadline: a worker says goodbye to clients (twice) and to upstreams.
constexpr Duration kCutOffTime = 8s;
// At the very end, for each thing that may hang: a reload, a scrape, standard error.
constexpr Duration kLastWait = 2s;
// A worker whose loop did not turn for this long will not turn again: nothing on it may block.
constexpr Duration kLongestTurn = 30s;
// Descriptors that are open now and then: name look-ups and files of the thread pool, of a reload.
constexpr std::uint64_t kOccasionalDescriptors = 16;

/// Probes and scrapers at one time: few where descriptors are few.
std::size_t most_admin_connections() {
  return static_cast<std::size_t>(std::clamp<std::uint64_t>(descriptor_limit() / 16, 2, 32));
}

}  // namespace

Control::Control(runtime::Loop& loop, std::string path, Snapshot first, const net::TicketKeys& keys)
    : loop_(loop),
      path_(std::move(path)),
      keys_(keys),
      snapshot_(std::move(first)),
      logger_({.format = config().log.format, .least = config().log.level}),
      budget_(config().message.budget),
      metrics_({.version = SALLYPORT_VERSION,
                .started = std::chrono::system_clock::now(),
                .content_octets = [this] { return budget_.used(); },
                .log_lines_dropped = [this] { return logger_.dropped(); }}),
      limits_(std::chrono::steady_clock::now()),
      source_watch_(metrics_, logger_),
      sources_([this](std::string_view source, auth::Asked how, std::string_view reason) {
        source_watch_.heard(source, how, reason);
      }),
      authenticator_({.cache_lifetime = config().auth.cache_lifetime,
                      .guard = config().auth.brute_force,
                      .hashing = auth::HashingQueue::Options::fit(runtime::available_cpus())},
                     snapshot_.users),
      tokens_(http_, [this](const std::string& upstream,
                            const Result<void>& result) { token_fetched(upstream, result); }),
      shared_{.logger = logger_,
              .metrics = metrics_,
              .budget = budget_,
              .limits = limits_,
              .ledger = ledger_,
              .authenticator = authenticator_,
              .upstream_caps = upstream_caps_,
              .tokens = tokens_,
              .connections = connections_,
              .networks = networks_,
              .traces = traces_},
      wake_(loop),
      background_(loop),
      workers_(loop, shared_, [this] { wake_.set(); }) {}

runtime::Task<ExitCode> Control::serve() {
  const runtime::Signals signals(loop_, {SIGTERM, SIGINT, SIGHUP}, [this](int number) {
    number == SIGHUP ? void(reload_asked_ = true) : void(++stops_asked_);
    wake_.set();
  });
  publish();
  watch_files(snapshot_);
  if (!co_await start()) co_return co_await end(kFailure);
  own_descriptors_ = descriptors_open() + kOccasionalDescriptors + most_admin_connections();
  share_out_descriptors();
  ready_ = true;
  log_ready();
  give_memory_back();  // the first sample: what is needed without any client

  while (stops_asked_ == 0) {
    wake_.reset();
    (void)co_await wake_.wait(loop_.after(kWatchInterval));
    workers_.ping();
    give_memory_back();
    upstream_watch_.look(config(), upstream_caps_, loop_.now(), logger_);
    if (!std::exchange(following_, true)) background_.spawn(follow_changes());
  }
  co_return co_await end(kOk);
}

unsigned Control::worker_count() const {
  return config().workers > 0 ? config().workers : runtime::available_cpus();
}

void Control::publish() {
  logger_.configure(config().log.format, config().log.level);
  budget_.set_limit(config().message.budget);
  metrics_.set_most_users(config().metrics.max_users);
  authenticator_.replace_users(snapshot_.users);
  auto gone = sources_.replace(snapshot_.sources);
  authenticator_.replace_sources(sources_.list());
  // To end one may take a second.
  if (!gone.empty()) background_.spawn(end_sources(std::move(gone)));
  authenticator_.set_cache_lifetime(config().auth.cache_lifetime);
  authenticator_.set_guard(config().auth.brute_force);
  traces_.set_capacity(config().trace);
  limits_.update([this](std::string_view name) { return snapshot_.users->find(name); },
                 std::chrono::steady_clock::now());
  metrics::ProcessMetrics& process = metrics_.process();
  process.config_loaded.set(std::chrono::system_clock::now());
  process.content_limit.set(static_cast<std::int64_t>(config().message.budget));
  const Certificates& certificates = *snapshot_.certificates;
  if (snapshot_.tls) process.certificate_expires.set(certificates.first_end());
  process.certificates_failed.set(static_cast<std::int64_t>(certificates.complaints.size()));
  for (const config::Problem& complaint : certificates.complaints) {
    logger_.write(log::Level::kError, "certificate_failed", {{"error", complaint.str()}});
  }
}

runtime::Task<void> Control::end_sources(std::vector<std::shared_ptr<auth::GuardedSource>> gone) {
  (void)co_await loop_.offload([gone = std::move(gone)]() mutable {
    gone.clear();
    return true;
  });
}

void Control::token_fetched(const std::string& upstream, const Result<void>& result) {
  const auto counted = result ? metrics::TokenResult::kSuccess : metrics::TokenResult::kFailure;
  metrics_.for_upstream(upstream).tokens[counted].add();
  if (result) return;
  logger_.write(log::Level::kError, "upstream_token_failed",
                {{"upstream", upstream}, {"error", result.error().text}});
}

void Control::watch_files(const Snapshot& snapshot) {
  users_watch_.watch(snapshot.secret_files());
  certificates_watch_.watch(snapshot.certificate_files());
}

void Control::log_ready() {
  const auto add = [](std::string& list, std::string_view one) {
    if (!list.empty()) list += ',';
    list += one;
  };
  std::string listeners;
  for (const config::Listener& listener : config().listeners) {
    add(listeners, config::str(listener.address));
  }
  std::string upstreams;
  for (const config::Upstream& upstream : config().upstreams) add(upstreams, upstream.name);
  const std::optional<config::Endpoint>& at = config().admin;
  const std::string admin = at ? config::str(*at) : "off";
  if (config().tls.self_signed) {
    logger_.write(log::Level::kWarning, "self_signed", {{"hostname", config().hostname}});
  }
  logger_.write(log::Level::kInfo, "ready",
                {{"version", SALLYPORT_VERSION},
                 {"config", config().file},
                 {"workers", workers_.size()},
                 {"listeners", listeners},
                 {"admin", admin},
                 {"admin_socket", config().admin_socket.empty() ? "off" : config().admin_socket},
                 {"upstreams", upstreams}});
}

void Control::share_out_descriptors() {
  const std::uint64_t limit = descriptor_limit();
  const DescriptorPlan plan = plan_descriptors(config(), limit, own_descriptors_);
  connections_.set_room(plan.clients);
  if (limit >= plan.wanted) return;
  logger_.write(log::Level::kWarning, "descriptors",
                {{"limit", limit},
                 {"wanted", plan.wanted},
                 {"max_connections", config().session.max_connections},
                 {"clients", plan.clients},
                 {"error",
                  "the hard limit on open files (RLIMIT_NOFILE) is too low for "
                  "session.max_connections, so fewer clients are let in: raise it, or lower "
                  "max_connections"}});
}

void Control::give_memory_back() {
  const TimePoint now = loop_.now();
  const MemoryRelease::Sample sample{
      .resident = resident_memory(), .content = budget_.used(), .connections = connections_.open()};
  if (!memory_.is_due(now, sample)) return;
  trim();
  memory_.trimmed(now, resident_memory());
}

runtime::Task<bool> Control::start() {
  std::unique_ptr<runtime::TcpListener> admin;
  // A process that was told to end a moment ago may not have let go of its addresses yet.
  const TimePoint patience = loop_.after(kHandOver);
  for (bool told = false;; told = true) {
    auto taken = taken_addresses(config(), {});
    if (auto socket = taken_socket(config())) taken.push_back(std::move(*socket));
    // Who finds the admin port open takes it that mail is served: it opens last, unless a process
    // that ends shares it with us.
    std::expected<std::unique_ptr<runtime::TcpListener>, config::Problem> opened = nullptr;
    const std::optional<config::Endpoint>& at = config().admin;
    if (at && is_taken(*at)) opened = listen_for_admin(loop_, config());
    if (opened && taken.empty()) {
      admin = std::move(*opened);
      break;
    }
    const bool may_come_free = !taken.empty() || (at && is_taken(*at));
    const bool last = !may_come_free || loop_.now() >= patience || stops_asked_ > 0;
    if (last || !told) {
      const log::Level level = last ? log::Level::kError : log::Level::kWarning;
      for (const config::Problem& each : taken) say_cannot_listen(level, each);
      if (!opened) say_cannot_listen(level, opened.error());
    }
    if (last) co_return false;
    wake_.reset();
    (void)co_await wake_.wait(loop_.after(kAskAgain));
  }
  workers_.start(worker_count());
  const auto problems = co_await workers_.prepare(snapshot_, loop_.after(kLongestAnswer));
  for (const config::Problem& each : problems) say_cannot_listen(log::Level::kError, each);
  if (!problems.empty()) co_return false;
  (void)co_await workers_.commit(loop_.after(kLongestAnswer));
  if (!admin) {
    auto opened = listen_for_admin(loop_, config());
    if (!opened) {
      say_cannot_listen(log::Level::kError, opened.error());
      co_return false;
    }
    admin = std::move(*opened);
  }
  auto commands = listen_for_commands(loop_, config());
  if (!commands) {
    say_cannot_listen(log::Level::kError, commands.error());
    co_return false;
  }
  if (admin) serve_admin(std::move(admin));
  if (auto& listening = *commands; listening.has_value()) serve_commands(std::move(*listening));
  co_return true;
}

void Control::say_cannot_listen(log::Level level, const config::Problem& problem) {
  logger_.write(level, "listen", {{"error", problem.str()}});
}

void Control::serve_admin(std::unique_ptr<runtime::TcpListener> listener) {
  endpoint_ = std::make_unique<admin::Endpoint>(
      loop_, std::move(listener), monitoring_pages(),
      admin::Endpoint::Options{.max_connections = most_admin_connections()});
  endpoint_->start();
}

void Control::serve_commands(runtime::ListeningFile listening) {
  std::vector<admin::Page> pages = monitoring_pages();
  pages.push_back(trace_page(traces_));
  pages.push_back(limits_page(ledger_));
  pages.push_back(limits_reset_page(ledger_, logger_));
  socket_file_ = std::move(listening.file);
  command_endpoint_ = std::make_unique<admin::Endpoint>(
      loop_, std::move(listening.listener), std::move(pages),
      admin::Endpoint::Options{.max_connections = most_admin_connections()});
  command_endpoint_->start();
}

std::vector<admin::Page> Control::monitoring_pages() {
  return admin::monitoring_pages({.metrics = [this] { return metrics_.expose(); },
                                  .live = [this] { return workers_.live(kLongestTurn); },
                                  .ready = [this] { return ready(); },
                                  .troubles =
                                      [this] {
                                        return troubles(config(), upstream_caps_, loop_.now()) +
                                               sources_.list()->troubles(loop_.now());
                                      }});
}

runtime::Task<void> Control::stop(std::unique_ptr<admin::Endpoint> endpoint) {
  co_await endpoint->stop();
}

Result<void> Control::ready() const {
  if (stops_asked_ > 0) return fail(ErrorCode::kCancelled, "draining");
  if (!ready_) return fail(ErrorCode::kNotFound, "starting");
  return has_way_out(config(), upstream_caps_, loop_.now());
}

runtime::Task<ExitCode> Control::end(ExitCode code) {
  ready_ = false;
  const Duration at_most = code == kOk ? Duration(config().drain_timeout) : 0s;
  logger_.write(log::Level::kInfo, "drain", {{"at_most", at_most}});
  workers_.cancel();
  // The next process may begin while this one ends.
  if (endpoint_) endpoint_->share();
  socket_file_.remove();
  workers_.drain(at_most);
  TimePoint deadline = loop_.after(at_most + kCutOffTime);
  bool aborted = false;
  while (workers_.running() > 0 && loop_.now() < deadline) {
    if (stops_asked_ > 1 && !std::exchange(aborted, true)) {
      workers_.abort();
      deadline = std::min(deadline, loop_.after(kCutOffTime));
    }
    wake_.reset();
    (void)co_await wake_.wait(std::min(deadline, loop_.after(kWatchInterval)));
    workers_.ping();
  }
  const bool joined = workers_.running() == 0;
  if (joined) co_await workers_.join();
  if (endpoint_) background_.spawn(stop(std::move(endpoint_)));
  if (command_endpoint_) background_.spawn(stop(std::move(command_endpoint_)));
  const bool over = (co_await background_.join(loop_.after(kLastWait))).has_value() && joined;
  if (code == kOk && !(joined && workers_.clean())) code = kFailure;
  if (!over) {
    logger_.write(log::Level::kError, "end_forced",
                  {{"workers", workers_.running()}, {"other_tasks", background_.size()}});
  }
  logger_.write(log::Level::kInfo, "end", {{"exit_code", static_cast<int>(code)}});
  const std::uint64_t unwritten = logger_.close(kLastWait);
  if (!over || unwritten > 0) {
    leave(code,
          unwritten == 0
              ? std::string()
              : fmt::format("sallyport: {} lines of the log could not be written\n", unwritten));
  }
  co_return code;
}

}  // namespace sallyport::server

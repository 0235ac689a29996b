#include "proxy/server/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <utility>
#include <vector>

#include "proxy/admin/endpoint.h"
#include "proxy/config/values.h"
#include "proxy/runtime/cpus.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/signals.h"
#include "proxy/server/file_watch.h"
#include "proxy/server/memory.h"
#include "proxy/server/process.h"
#include "proxy/server/shared.h"
#include "proxy/server/snapshot.h"
#include "proxy/server/worker.h"

namespace sallyport::server {
namespace {

using namespace std::chrono_literals;

// How soon a replaced certificate or users file is noticed.
constexpr Duration kWatchInterval = 1s;
// A worker whose loop did not turn for this long will not turn again: nothing on it may block.
constexpr Duration kLongestTurn = 30s;

// Descriptors that are open now and then: name look-ups and files of the thread pool, of a reload.
constexpr std::uint64_t kOccasionalDescriptors = 16;

/// Probes and scrapers at one time: few where descriptors are few.
std::size_t most_admin_connections() {
  return static_cast<std::size_t>(std::clamp<std::uint64_t>(descriptor_limit() / 16, 2, 32));
}

void print(const std::vector<config::Problem>& problems) {
  for (const config::Problem& problem : problems)
    std::fprintf(stderr, "%s\n", problem.str().c_str());
}

/// The control thread: everything that happens once in the process, in one coroutine.
class Control {
 public:
  Control(runtime::Loop& loop, std::string path, Snapshot first, const net::TicketKeys& keys)
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
        authenticator_({.cache_lifetime = config().auth.cache_lifetime,
                        .hashing = auth::HashingQueue::Options::fit(runtime::available_cpus())},
                       snapshot_.users),
        shared_{.logger = logger_,
                .metrics = metrics_,
                .budget = budget_,
                .limits = limits_,
                .authenticator = authenticator_,
                .upstream_caps = upstream_caps_,
                .connections = connections_,
                .networks = networks_},
        wake_(loop) {}

  runtime::Task<ExitCode> serve() {
    const runtime::Signals signals(loop_, {SIGTERM, SIGINT, SIGHUP}, [this](int number) {
      number == SIGHUP ? void(reload_asked_ = true) : void(++stops_asked_);
      wake_.set();
    });
    publish();
    if (!co_await start_workers()) co_return co_await end(kFailure);
    if (!start_admin()) co_return co_await end(kFailure);
    own_descriptors_ = descriptors_open() + kOccasionalDescriptors + most_admin_connections();
    share_out_descriptors();
    ready_ = true;
    log_ready();

    while (stops_asked_ == 0) {
      wake_.reset();
      (void)co_await wake_.wait(loop_.after(kWatchInterval));
      for (const auto& worker : workers_) worker->ping();
      give_memory_back();
      std::vector<std::string> causes = users_watch_.changed();
      const std::vector<std::string> certificates = certificates_watch_.changed();
      if (std::exchange(reload_asked_, false)) causes.insert(causes.begin(), "signal");
      const bool reloaded = !causes.empty() && co_await reload(causes.front());
      if (reloaded) continue;
      // Also when a reload was refused: a certificate does not wait until a config is mended.
      if (!certificates.empty()) {
        co_await renew(certificates.front());
      } else if (snapshot_.certificates->first_response_end() <= std::chrono::system_clock::now()) {
        co_await renew("an OCSP response has expired");
      }
    }
    co_return co_await end(kOk);
  }

 private:
  const config::Config& config() const { return *snapshot_.config; }

  unsigned worker_count() const {
    return config().workers > 0 ? config().workers : runtime::available_cpus();
  }

  /// Makes the process-wide parts follow the snapshot in force.
  void publish() {
    budget_.set_limit(config().message.budget);
    metrics_.set_most_users(config().metrics.max_users);
    authenticator_.replace_users(snapshot_.users);
    authenticator_.set_cache_lifetime(config().auth.cache_lifetime);
    limits_.update([this](std::string_view name) { return snapshot_.users->find(name); },
                   std::chrono::steady_clock::now());
    users_watch_.watch(snapshot_.secret_files());
    certificates_watch_.watch(snapshot_.certificate_files());
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

  /// What runs, and where: the first line to look for.
  void log_ready() {
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
    const std::string admin = config().admin ? config::str(*config().admin) : "off";
    logger_.write(log::Level::kInfo, "ready",
                  {{"version", SALLYPORT_VERSION},
                   {"config", path_},
                   {"workers", workers_.size()},
                   {"listeners", listeners},
                   {"admin", admin},
                   {"upstreams", upstreams}});
  }

  /// Lets in no more clients than there are descriptors to serve; once it is known what the process
  /// itself needs, and after each reload.
  void share_out_descriptors() {
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

  void give_memory_back() {
    const TimePoint now = loop_.now();
    const MemoryRelease::Sample sample{.resident = resident_memory(),
                                       .content = budget_.used(),
                                       .connections = connections_.open()};
    if (!memory_.is_due(now, sample)) return;
    trim();
    memory_.trimmed(now, resident_memory());
  }

  runtime::Task<bool> start_workers() {
    for (unsigned i = 0; i < worker_count(); ++i) {
      ++running_;
      ++applying_;
      workers_.push_back(std::make_unique<Worker>(
          shared_, snapshot_,
          Worker::Callbacks{
              .applied =
                  [this](Result<void> result) {
                    loop_.post([this, result] { on_applied(result); });
                  },
              .ended = [this](bool clean) { loop_.post([this, clean] { on_ended(clean); }); }}));
    }
    co_return co_await all_applied();
  }

  runtime::Task<bool> all_applied() {
    while (applying_ > 0) {
      wake_.reset();
      (void)co_await wake_.wait();
    }
    co_return std::exchange(all_listen_, true);
  }

  void on_applied(const Result<void>& result) {
    --applying_;
    if (!result) {
      all_listen_ = false;
      logger_.write(log::Level::kError, "listen", {{"error", result.error().text}});
    }
    wake_.set();
  }

  void on_ended(bool clean) {
    --running_;
    all_clean_ = all_clean_ && clean;
    wake_.set();
  }

  /// Reads everything again. What is wrong changes nothing and is logged; false then.
  runtime::Task<bool> reload(std::string cause) {
    auto loaded = co_await loop_.offload(
        [this] { return load_snapshot(path_, config::Outside::real(), keys_, &snapshot_); });
    if (!loaded) {
      refuse(cause, loaded.error());
      co_return false;
    }
    co_await put_in_force(std::move(*loaded), cause);
    co_return true;
  }

  /// Reads the certificates again. Those that are broken stay as they were, and this is logged.
  runtime::Task<void> renew(std::string cause) {
    auto renewed = co_await loop_.offload(
        [this] { return renew_certificates(snapshot_, config::Outside::real(), keys_); });
    if (!renewed) {
      refuse(cause, {{.file = path_, .line = 0, .column = 0, .what = renewed.error().text}});
      co_return;
    }
    co_await put_in_force(std::move(*renewed), cause);
  }

  void refuse(const std::string& cause, const std::vector<config::Problem>& problems) {
    for (const config::Problem& problem : problems) {
      logger_.write(log::Level::kError, "reload_failed",
                    {{"cause", cause}, {"error", problem.str()}});
    }
    metrics_.process().config_reloads[metrics::ReloadResult::kFailure].add();
  }

  runtime::Task<void> put_in_force(Snapshot snapshot, std::string cause) {
    snapshot_ = std::move(snapshot);
    publish();
    share_out_descriptors();
    applying_ = static_cast<unsigned>(workers_.size());
    for (const auto& worker : workers_) worker->apply(snapshot_);
    const bool listening = co_await all_applied();
    const bool whole = listening && snapshot_.certificates->complaints.empty();
    metrics_.process()
        .config_reloads[whole ? metrics::ReloadResult::kSuccess : metrics::ReloadResult::kFailure]
        .add();
    logger_.write(log::Level::kInfo, "reload", {{"cause", cause}, {"config", path_}});
  }

  bool start_admin() {
    const std::optional<config::Endpoint>& at = config().admin;
    if (!at) return true;
    const auto address = runtime::SocketAddress::parse(at->host, at->port);
    auto listener = address ? runtime::TcpListener::listen(loop_, *address) : fail(address.error());
    if (!listener) {
      logger_.write(log::Level::kError, "listen",
                    {{"listener", config::str(*at)}, {"error", listener.error().text}});
      return false;
    }
    const admin::Sources sources{.metrics = [this] { return metrics_.expose(); },
                                 .live = [this] { return live(); },
                                 .ready = [this] { return ready(); }};
    endpoint_
        .emplace(loop_, std::move(*listener), sources,
                 admin::Endpoint::Options{.max_connections = most_admin_connections()})
        .start();
    return true;
  }

  Result<void> live() const {
    const TimePoint oldest = std::chrono::steady_clock::now() - kLongestTurn;
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      if (workers_[i]->last_sign_of_life() < oldest) {
        return fail(ErrorCode::kTimeout, fmt::format("worker {} does not turn", i));
      }
    }
    return {};
  }

  Result<void> ready() const {
    if (stops_asked_ > 0) return fail(ErrorCode::kCancelled, "draining");
    if (!ready_) return fail(ErrorCode::kNotFound, "starting");
    return {};
  }

  /// Drains the workers, cuts them off at the second signal, and joins them.
  runtime::Task<ExitCode> end(ExitCode code) {
    ready_ = false;
    const Duration at_most = code == kOk ? Duration(config().drain_timeout) : 0s;
    logger_.write(log::Level::kInfo, "drain", {{"at_most", at_most}});
    for (const auto& worker : workers_) worker->drain(at_most);
    bool aborted = false;
    while (running_ > 0) {
      if (stops_asked_ > 1 && !std::exchange(aborted, true)) {
        for (const auto& worker : workers_) worker->abort();
      }
      wake_.reset();
      (void)co_await wake_.wait();
    }
    workers_.clear();
    if (endpoint_) co_await endpoint_->stop();
    if (code == kOk && !all_clean_) code = kFailure;
    logger_.write(log::Level::kInfo, "end", {{"exit_code", static_cast<int>(code)}});
    co_return code;
  }

  runtime::Loop& loop_;
  const std::string path_;
  const net::TicketKeys& keys_;
  Snapshot snapshot_;
  log::Logger logger_;
  message::Budget budget_;
  metrics::Registry metrics_;
  policy::LimitTable limits_;
  auth::Authenticator authenticator_;
  relay::ConnectionCaps upstream_caps_;
  submission::ConnectionCount connections_;
  submission::NetworkCount networks_;
  Shared shared_;
  runtime::Event wake_;
  MemoryRelease memory_;
  std::uint64_t own_descriptors_ = 0;  // what is needed beside clients and upstreams
  FileWatch users_watch_;
  FileWatch certificates_watch_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::optional<admin::Endpoint> endpoint_;
  unsigned applying_ = 0;  // workers that have not answered yet
  unsigned running_ = 0;
  bool all_listen_ = true;
  bool all_clean_ = true;
  bool ready_ = false;
  bool reload_asked_ = false;
  unsigned stops_asked_ = 0;
};

}  // namespace

ExitCode check(const std::string& path) {
  protect_process();
  const net::TicketKeys keys;
  const auto snapshot = load_snapshot(path, config::Outside::real(), keys);
  if (!snapshot) {
    print(snapshot.error());
    return kBadConfig;
  }
  print(snapshot->certificates->complaints);
  std::printf("%s: ok: %zu listeners, %zu users, %zu upstreams\n", path.c_str(),
              snapshot->config->listeners.size(), snapshot->users->size(),
              snapshot->config->upstreams.size());
  return kOk;
}

ExitCode run(const std::string& path) {
  prepare_process();
  const net::TicketKeys keys;
  auto snapshot = load_snapshot(path, config::Outside::real(), keys);
  if (!snapshot) {
    print(snapshot.error());
    return kBadConfig;
  }
  runtime::Loop loop;
  Control control(loop, path, std::move(*snapshot), keys);
  return loop.run(control.serve());
}

}  // namespace sallyport::server

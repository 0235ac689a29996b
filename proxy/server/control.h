// The control thread: everything that happens once in the process. control.cc has its beginning and
// its end, reload.cc what changes while it runs.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "auth/authenticator.h"
#include "auth/sources/make_sources.h"
#include "metrics/metrics.h"
#include "proxy/admin/endpoint.h"
#include "proxy/base/log.h"
#include "proxy/config/load.h"
#include "proxy/http/client.h"
#include "proxy/message/budget.h"
#include "proxy/oauth/tokens.h"
#include "proxy/policy/ledger.h"
#include "proxy/policy/rate_limiter.h"
#include "proxy/relay/connection_cap.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/loop.h"
#include "proxy/runtime/socket_file.h"
#include "proxy/runtime/task_group.h"
#include "proxy/runtime/tcp.h"
#include "proxy/server/command_line.h"
#include "proxy/server/file_watch.h"
#include "proxy/server/memory.h"
#include "proxy/server/shared.h"
#include "proxy/server/snapshot.h"
#include "proxy/server/source_watch.h"
#include "proxy/server/staple_renewal.h"
#include "proxy/server/upstream_watch.h"
#include "proxy/server/workers.h"
#include "proxy/submission/acceptor.h"
#include "proxy/trace/recent.h"

namespace sallyport::server {

/// One a process. Owns what all workers share, the workers, and the admin endpoint.
class Control {
 public:
  /// Serves by `first`, which was read from `path`. `loop` and `keys` outlive it.
  Control(runtime::Loop& loop, std::string path, Snapshot first, const net::TicketKeys& keys);

  /// Until a signal ends it, and everything has ended; the process's exit code. Where something
  /// hangs it does not return: it ends the process.
  runtime::Task<ExitCode> serve();

 private:
  const config::Config& config() const { return *snapshot_.config; }

  /// As the configuration in force asks for.
  unsigned worker_count() const;

  /// Makes the process-wide parts follow the snapshot in force.
  void publish();

  /// From now on the files of the snapshot in force are watched. Blocks on files.
  void watch_files(const Snapshot& snapshot);

  /// What runs, and where: the first line to look for.
  void log_ready();

  /// Lets in no more clients than there are descriptors to serve; once it is known what the process
  /// itself needs, and after each reload.
  void share_out_descriptors();

  /// After a burst, when it is due.
  void give_memory_back();

  /// Opens the addresses and starts the workers; false if that failed, which the log tells.
  runtime::Task<bool> start();

  void say_cannot_listen(log::Level level, const config::Problem& problem);

  /// Looks for files that were replaced, and does what SIGHUP and they ask for. In the background,
  /// one at a time: a file system that hangs must not stop the loop.
  runtime::Task<void> follow_changes();

  /// Reloads, and if that is not asked for or was refused, renews the certificates: one does not
  /// wait until a config is mended. Empty: there is no cause.
  runtime::Task<void> follow(std::string reload_cause, std::string renewal_cause);

  /// A snapshot, and in what it differs from the one in force.
  struct Next {
    Snapshot snapshot;
    std::string changed;
  };

  /// Reads everything again. What is wrong changes nothing and is logged; false then.
  runtime::Task<bool> reload(std::string cause);

  /// Reads the certificates again. Those that are broken stay as they were, and this is logged.
  runtime::Task<void> renew(std::string cause);

  /// Ends sources that a reload has done away with, off the loop.
  runtime::Task<void> end_sources(std::vector<std::shared_ptr<auth::GuardedSource>> gone);

  /// Counts a fetch of an access token, from the thread that did it, and logs one that failed.
  void token_fetched(const std::string& upstream, const Result<void>& result);

  void refuse(const std::string& cause, const std::vector<config::Problem>& problems);

  /// Everything is prepared first: all of it comes into force, or with one problem nothing of it.
  runtime::Task<bool> put_in_force(Next next, std::string cause);

  void serve_admin(std::unique_ptr<runtime::TcpListener> listener);
  /// The same pages and those that tell of users and their mail.
  void serve_commands(runtime::ListeningFile listening);
  std::vector<admin::Page> monitoring_pages();

  static runtime::Task<void> stop(std::unique_ptr<admin::Endpoint> endpoint);

  Result<void> ready() const;

  /// Drains the workers, cuts them off at the second signal, and joins them. Whatever hangs, this
  /// ends: not later than kCutOffTime and a few seconds after the workers' deadline.
  runtime::Task<ExitCode> end(ExitCode code);

  runtime::Loop& loop_;
  const std::string path_;
  const net::TicketKeys& keys_;
  Snapshot snapshot_;
  log::Logger logger_;
  message::Budget budget_;
  metrics::Registry metrics_;
  policy::LimitTable limits_;
  SourceWatch source_watch_;
  auth::SourcesInForce sources_;
  policy::LocalLedger ledger_;
  auth::Authenticator authenticator_;
  relay::ConnectionCaps upstream_caps_;
  http::Client http_;  // ends its requests before what they tell of dies
  oauth::Tokens tokens_;
  submission::ConnectionCount connections_;
  submission::NetworkCount networks_;
  trace::Recent traces_;
  Shared shared_;
  UpstreamWatch upstream_watch_;
  runtime::Event wake_;
  runtime::TaskGroup background_;  // a reload, endpoints that end
  Workers workers_;
  MemoryRelease memory_;
  std::uint64_t own_descriptors_ = 0;  // what is needed beside clients and upstreams
  // Used by `follow_changes` alone, off the loop.
  FileWatch users_watch_;
  FileWatch certificates_watch_;
  StapleRenewal staples_;
  std::unique_ptr<admin::Endpoint> endpoint_;
  std::unique_ptr<admin::Endpoint> command_endpoint_;  // on the unix socket
  runtime::SocketFile socket_file_;
  bool ready_ = false;
  bool reload_asked_ = false;
  bool following_ = false;  // `follow_changes` is under way
  unsigned stops_asked_ = 0;
};

}  // namespace sallyport::server

// An upstream where each tenant logs in by its own name or password.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "proxy/base/log.h"
#include "proxy/base/result.h"
#include "proxy/base/throttle.h"
#include "proxy/config/load.h"
#include "proxy/relay/upstream.h"
#include "proxy/runtime/task_group.h"

namespace sallyport::relay {

/// The settings of `upstream` for one tenant: `{user}` and `{group}` of its user name and password
/// file replaced by the user's name and first group. kInvalid says what this user lacks, or why it
/// may not stand in a path: it has a "/", a NUL, or is "." or "..".
Result<config::Upstream> for_tenant(const config::Upstream& upstream, std::string_view user,
                                    std::span<const std::string> groups);

/// Gives each tenant an upstream of its own, made when it first sends: pool, cap, health and pace
/// belong to a credential, so that no connection, and no trouble with a login, ever crosses from
/// one to another. Tenants with the same user name and password file share one.
class TenantUpstream final : public Upstream {
 public:
  using Make = std::function<Result<std::shared_ptr<Upstream>>(config::Upstream)>;
  using ReadPassword = std::function<Result<Secret>(const std::string& path)>;

  /// `make` makes the upstream of a tenant. `read_password` is called on the thread pool.
  TenantUpstream(runtime::Loop& loop, config::Upstream upstream_config,
                 metrics::UpstreamMetrics& upstream_metrics, std::shared_ptr<ConnectionCap> state,
                 log::Logger& logger, Make make, ReadPassword read_password)
      : Upstream(loop, std::move(upstream_config), upstream_metrics, std::move(state)),
        loop_(loop),
        logger_(logger),
        make_(std::move(make)),
        read_password_(std::move(read_password)),
        ending_(loop) {}

  /// The upstream of the tenant that `caller` is. The error is one for the operator.
  runtime::Task<std::expected<std::shared_ptr<Upstream>, Attempt>> of(Caller caller) override;
  bool is_per_tenant() const override { return true; }

  runtime::Task<Attempt> attempt(const message::Message& message,
                                 config::PartialRejection partial_rejection,
                                 const Deadlines& deadlines, Caller caller) override;
  void cut_off() override;
  void retire() override;
  runtime::Task<void> drain() override;

 private:
  struct Tenant {
    std::shared_ptr<Upstream> upstream;
    TimePoint read;  ///< When its password was.
    TimePoint used;
  };

  runtime::Task<Result<std::shared_ptr<Upstream>>> find(config::Upstream settings);
  Attempt misconfigured(std::string why);
  void end_unused();
  runtime::Task<void> end(std::shared_ptr<Upstream> upstream);

  runtime::Loop& loop_;
  log::Logger& logger_;
  const Make make_;
  const ReadPassword read_password_;
  std::map<std::string, Tenant> tenants_;       // by credential
  std::vector<std::weak_ptr<Upstream>> ended_;  // deliveries may be under way
  runtime::TaskGroup ending_;
  Throttle told_{1, std::chrono::minutes(1)};
};

/// What tells credentials of one upstream apart.
std::string credential_of(const config::Upstream& upstream);

}  // namespace sallyport::relay

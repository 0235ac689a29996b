#include "proxy/relay/tenants.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

namespace sallyport::relay {
namespace {

using runtime::Task;

constexpr Duration kReadAgainAfter = std::chrono::minutes(1);
constexpr Duration kUnusedAfter = std::chrono::minutes(10);

bool may_stand_in_path(std::string_view value) {
  return value != "." && value != ".." &&
         value.find_first_of(std::string_view("/\0", 2)) == value.npos;
}

}  // namespace

std::string credential_of(const config::Upstream& upstream) {
  std::string credential = upstream.username;
  credential.append(1, '\0').append(upstream.password_file);
  return credential;
}

Result<config::Upstream> for_tenant(const config::Upstream& upstream, std::string_view user,
                                    std::span<const std::string> groups) {
  config::Upstream settings = upstream;
  const std::string_view group = groups.empty() ? std::string_view() : groups.front();
  // Each text is replaced in one pass: what a name or group contains is never read as a
  // placeholder.
  for (std::string* text : {&settings.username, &settings.password_file}) {
    const bool is_path = text == &settings.password_file;
    std::string made;
    std::string_view rest = *text;
    while (!rest.empty()) {
      const bool is_user = rest.starts_with("{user}");
      const bool is_group = rest.starts_with("{group}");
      if (!is_user && !is_group) {
        made += rest.front();
        rest.remove_prefix(1);
        continue;
      }
      const std::string_view value = is_user ? user : group;
      if (value.empty()) {
        return fail(ErrorCode::kInvalid,
                    fmt::format("user \"{}\" has no {}, which {} of upstream {} "
                                "needs",
                                user, is_user ? "name" : "group",
                                is_path ? "password.file" : "username", upstream.name));
      }
      if (is_path && !may_stand_in_path(value)) {
        return fail(ErrorCode::kInvalid,
                    fmt::format("\"{}\" cannot stand in the path of a file, which password.file of "
                                "upstream {} needs",
                                value, upstream.name));
      }
      made += value;
      rest.remove_prefix(is_user ? std::string_view("{user}").size()
                                 : std::string_view("{group}").size());
    }
    *text = std::move(made);
  }
  return settings;
}

Task<std::expected<std::shared_ptr<Upstream>, Attempt>> TenantUpstream::of(Caller caller) {
  auto settings = for_tenant(config, caller.user, caller.groups);
  if (!settings) co_return std::unexpected(misconfigured(settings.error().text));
  auto found = co_await find(std::move(*settings));
  if (!found) co_return std::unexpected(misconfigured(found.error().text));
  co_return std::move(*found);
}

/// The attempt of a tenant whose credential can't be told.
Attempt TenantUpstream::misconfigured(std::string why) {
  metrics.auth_failures.add();
  if (const auto suppressed = told_.pass(loop_.now())) {
    logger_.write(log::Level::kError, "upstream_login_refused",
                  {{"upstream", config.name},
                   {"stage", relay::name(Stage::kAuth)},
                   {"error", why},
                   {"suppressed", *suppressed}});
  }
  Attempt attempt = failure(Stage::kAuth, {ErrorCode::kInvalid, std::move(why)});
  attempt.end = End::kMisconfigured;
  return attempt;
}

Task<Result<std::shared_ptr<Upstream>>> TenantUpstream::find(config::Upstream settings) {
  const std::string credential = credential_of(settings);
  const bool has_file = config::names_tenant(config.password_file);
  if (const auto known = tenants_.find(credential); known != tenants_.end()) {
    Tenant& tenant = known->second;
    tenant.used = loop_.now();
    if (!has_file || loop_.now() - tenant.read < kReadAgainAfter) co_return tenant.upstream;
  }
  if (has_file) {
    const std::string path = settings.password_file;
    auto password = co_await loop_.offload([this, &path] { return read_password_(path); });
    if (!password) {
      co_return fail(password.error().code, fmt::format("{}: {}", path, password.error().text));
    }
    settings.password = std::move(*password);
  }
  // Another message of this tenant may have made it meanwhile, with the same password or another.
  if (const auto known = tenants_.find(credential); known != tenants_.end()) {
    Tenant& tenant = known->second;
    tenant.read = loop_.now();
    if (tenant.upstream->config == settings) co_return tenant.upstream;
    ending_.spawn(end(std::move(tenant.upstream)));
    tenants_.erase(known);
  }
  end_unused();
  auto made = make_(std::move(settings));
  if (!made) co_return fail(made.error());
  tenants_.emplace(credential, Tenant{.upstream = *made, .read = loop_.now(), .used = loop_.now()});
  co_return std::move(*made);
}

void TenantUpstream::end_unused() {
  for (auto each = tenants_.begin(); each != tenants_.end();) {
    Tenant& tenant = each->second;
    if (tenant.upstream.use_count() > 1 || loop_.now() - tenant.used < kUnusedAfter) {
      ++each;
      continue;
    }
    ending_.spawn(end(std::move(tenant.upstream)));
    each = tenants_.erase(each);
  }
}

/// Ends an upstream whose deliveries have ended, or when they have.
Task<void> TenantUpstream::end(std::shared_ptr<Upstream> upstream) {
  upstream->retire();
  std::erase_if(ended_, [](const auto& ended) { return ended.expired(); });
  ended_.push_back(upstream);
  runtime::Event never(loop_);
  while (upstream.use_count() > 1) {
    (void)co_await never.wait(loop_.after(std::chrono::milliseconds(100)));
  }
  co_await upstream->drain();
}

Task<Attempt> TenantUpstream::attempt(const message::Message& message,
                                      config::PartialRejection partial_rejection,
                                      const Deadlines& deadlines, Caller caller) {
  auto tenant = co_await of(caller);
  if (!tenant) co_return std::move(tenant.error());
  co_return co_await (*tenant)->attempt(message, partial_rejection, deadlines, caller);
}

void TenantUpstream::cut_off() {
  for (const auto& [credential, tenant] : tenants_) tenant.upstream->cut_off();
  for (const auto& ended : ended_) {
    if (const auto upstream = ended.lock()) upstream->cut_off();
  }
}

void TenantUpstream::retire() {
  for (const auto& [credential, tenant] : tenants_) tenant.upstream->retire();
}

Task<void> TenantUpstream::drain() {
  for (auto& [credential, tenant] : tenants_) ending_.spawn(end(std::move(tenant.upstream)));
  tenants_.clear();
  (void)co_await ending_.join();
}

}  // namespace sallyport::relay

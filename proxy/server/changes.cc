#include "proxy/server/changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/config/values.h"

namespace sallyport::server {
namespace {

class List {
 public:
  void add(std::string_view what) {
    if (!text_.empty()) text_ += ',';
    text_ += what;
  }
  void add_if(bool different, std::string_view what) {
    if (different) add(what);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

/// Adds the tables that are new, gone or different; `name` tells which two are the same one.
template <class T, class Name>
void add_tables(List& list, std::string_view kind, const std::vector<T>& before,
                const std::vector<T>& after, Name name) {
  const auto find = [&](const std::vector<T>& in, const T& table) {
    return std::ranges::find_if(in, [&](const T& other) { return name(other) == name(table); });
  };
  for (const T& table : after) {
    const auto known = find(before, table);
    list.add_if(known == before.end() || !(*known == table),
                fmt::format("{} {}", kind, name(table)));
  }
  for (const T& table : before) {
    list.add_if(find(after, table) == after.end(), fmt::format("{} {}", kind, name(table)));
  }
}

/// Do clients see the same certificates, and must theirs come from the same authorities?
bool same_certificates(const Certificates& before, const Certificates& after) {
  const auto same = [](const Certificates::Pair& a, const Certificates::Pair& b) {
    return a.files == b.files && a.text == b.text &&
           a.certificate->ocsp_response() == b.certificate->ocsp_response();
  };
  return before.client_ca == after.client_ca && std::ranges::equal(before.pairs, after.pairs, same);
}

}  // namespace

std::string changes(const Snapshot& before, const Snapshot& after) {
  const config::Config& a = *before.config;
  const config::Config& b = *after.config;
  List list;
  list.add_if(a.hostname != b.hostname, "hostname");
  list.add_if(a.workers != b.workers, "workers");
  list.add_if(a.drain_timeout != b.drain_timeout, "drain_timeout");
  add_tables(list, "listener", a.listeners, b.listeners,
             [](const config::Listener& listener) { return config::str(listener.address); });
  list.add_if(a.tls != b.tls, "tls");
  list.add_if(!same_certificates(*before.certificates, *after.certificates), "certificates");
  list.add_if(a.auth.users != b.auth.users || a.auth.file_users != b.auth.file_users, "users");
  list.add_if(a.auth.mechanisms != b.auth.mechanisms || a.auth.file != b.auth.file ||
                  a.auth.sources != b.auth.sources || before.sources != after.sources ||
                  a.auth.rules != b.auth.rules || a.auth.group_rules != b.auth.group_rules ||
                  a.auth.cache_lifetime != b.auth.cache_lifetime,
              "auth");
  list.add_if(a.limits != b.limits, "limits");
  add_tables(list, "upstream", a.upstreams, b.upstreams,
             [](const config::Upstream& upstream) { return upstream.name; });
  // Those that are named and have not changed may still have something new in their files.
  for (std::size_t i = 0; i < b.upstreams.size(); ++i) {
    const auto known = std::ranges::find(a.upstreams, b.upstreams[i]);
    if (known == a.upstreams.end()) continue;
    const auto index = static_cast<std::size_t>(known - a.upstreams.begin());
    const relay::TlsFiles& old_files = before.relaying->files[index];
    const relay::TlsFiles& new_files = after.relaying->files[i];
    const std::string& name = b.upstreams[i].name;
    list.add_if(old_files.ca != new_files.ca, fmt::format("upstream {} (ca)", name));
    list.add_if(old_files.ca == new_files.ca && old_files != new_files,
                fmt::format("upstream {} (certificate)", name));
  }
  list.add_if(a.routes != b.routes, "routes");
  list.add_if(a.partial_rejection != b.partial_rejection, "partial_rejection");
  list.add_if(a.session != b.session, "session");
  list.add_if(a.message != b.message, "message");
  list.add_if(a.admin != b.admin || a.admin_socket != b.admin_socket || a.trace != b.trace,
              "admin");
  list.add_if(a.log != b.log, "log");
  list.add_if(a.metrics != b.metrics, "metrics");
  return list.take();
}

}  // namespace sallyport::server

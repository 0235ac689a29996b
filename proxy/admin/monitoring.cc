#include "proxy/admin/monitoring.h"

#include <string_view>
#include <utility>

namespace sallyport::admin {
namespace {

constexpr std::string_view kExposition = "text/plain; version=0.0.4; charset=utf-8";

Response verdict(const Result<void>& checked) {
  if (checked) return {.body = "ok\n"};
  return {.status = 503, .body = checked.error().text + '\n'};
}

}  // namespace

std::vector<Page> monitoring_pages(Sources sources) {
  std::vector<Page> pages;
  pages.push_back({.path = "/metrics",
                   .summary = "what was counted, for Prometheus",
                   .make =
                       [metrics = std::move(sources.metrics)](const Request&) {
                         return Response{.body = metrics(), .content_type = kExposition};
                       },
                   .takes_a_while = true});
  pages.push_back(
      {.path = "/livez",
       .summary = "200 while the process works; otherwise restart it",
       .make = [live = std::move(sources.live)](const Request&) { return verdict(live()); }});
  pages.push_back(
      {.path = "/readyz",
       .summary = "200 when clients are served; otherwise send them elsewhere",
       .make = [ready = std::move(sources.ready)](const Request&) { return verdict(ready()); }});
  return pages;
}

}  // namespace sallyport::admin

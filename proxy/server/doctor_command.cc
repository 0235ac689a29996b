#include "proxy/server/doctor_command.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "proxy/config/load.h"
#include "proxy/config/nearest.h"
#include "proxy/doctor/doctor.h"
#include "proxy/relay/settings.h"
#include "proxy/runtime/loop.h"
#include "proxy/server/outside.h"
#include "proxy/server/process.h"

namespace sallyport::server {
namespace {

ExitCode refuse(const std::vector<config::Problem>& problems) {
  for (const config::Problem& problem : problems) {
    std::fprintf(stderr, "%s\n", problem.str().c_str());
  }
  return kBadConfig;
}

}  // namespace

ExitCode examine(const DoctorCommand& command) {
  protect_process();
  std::signal(SIGPIPE, SIG_IGN);
  const auto loaded = config::load(command.config, real_outside());
  if (!loaded) return refuse(loaded.error());
  const auto settings = relay::read_settings(*loaded);
  if (!settings) return refuse(settings.error());
  std::vector<std::string_view> names;
  for (const config::Upstream& upstream : loaded->upstreams) names.push_back(upstream.name);
  if (!command.upstream.empty() && std::ranges::find(names, command.upstream) == names.end()) {
    std::fprintf(stderr, "sallyport: %s has no upstream \"%s\"; expected %s\n",
                 command.config.c_str(), command.upstream.c_str(),
                 config::list(names, '"', "or").c_str());
    return kUsage;
  }

  doctor::Question question{.upstream = command.upstream, .domains = command.domains};
  question.resolver.servers = command.name_servers;
  runtime::Loop loop;
  const doctor::Report report =
      loop.run(doctor::examine(loop, *loaded, settings->files, std::move(question)));
  const std::string text = command.json ? report.json() : report.text();
  std::fwrite(text.data(), 1, text.size(), stdout);
  return report.count(doctor::Weight::kFault) > 0 ? kFailure : kOk;
}

}  // namespace sallyport::server

#include "proxy/server/server.h"

#include <cstdio>
#include <utility>
#include <vector>

#include "proxy/config/load.h"
#include "proxy/runtime/loop.h"
#include "proxy/server/control.h"
#include "proxy/server/outside.h"
#include "proxy/server/process.h"
#include "proxy/server/snapshot.h"

namespace sallyport::server {
namespace {

void print(const std::vector<config::Problem>& problems) {
  for (const config::Problem& problem : problems)
    std::fprintf(stderr, "%s\n", problem.str().c_str());
}

}  // namespace

ExitCode run(const std::string& path) {
  prepare_process();
  const net::TicketKeys keys;
  auto snapshot = load_snapshot(path, real_outside(), keys);
  if (!snapshot) {
    print(snapshot.error());
    return kBadConfig;
  }
  ExitCode code = kOk;
  {
    runtime::Loop loop;
    Control control(loop, path, std::move(*snapshot), keys);
    code = loop.run(control.serve());
  }
  // A thread that hangs in the resolver would keep the process for as long as it hangs.
  if (runtime::Loop::any_abandoned()) leave(code, "");
  return code;
}

}  // namespace sallyport::server

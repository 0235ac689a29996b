// `sallyport check`: says what is wrong before a start or a reload finds it.
#pragma once

#include <string>
#include <vector>

#include "proxy/config/load.h"
#include "proxy/server/command_line.h"
#include "proxy/server/snapshot.h"

namespace sallyport::server {

/// Reads the config at `path` and all it names, and tries what `run` needs: prints every problem,
/// or that there is none.
ExitCode check(const std::string& path);

/// The config alone, for a machine that has neither its secrets nor its certificates, folders and
/// addresses: what is not there is taken to be as it should.
ExitCode check_offline(const std::string& path);

/// A users file alone.
ExitCode check_users(const std::string& path);

/// What `run` would accept and no client or provider would: certificates that have ended.
std::vector<config::Problem> unusable_certificates(const Certificates& certificates, WallTime now);

/// What may be right and seldom is: regions of providers that nobody knows.
std::vector<config::Problem> doubts(const config::Config& config);

}  // namespace sallyport::server

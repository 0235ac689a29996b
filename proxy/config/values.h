// The small languages inside config values: durations, sizes, endpoints, names of hosts.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/config/config.h"

namespace sallyport::config {

/// Reads "30s", "5m", "1h30m", "250ms", "7d": whole numbers with ms, s, m, h or d, the larger unit
/// first, each at most once. The error says what was expected.
Result<milliseconds> parse_duration(std::string_view text);

/// Reads "25 MiB", "512KB", "1024": a whole number of octets, or of KB, MB, GB (powers of 1000) or
/// KiB, MiB, GiB (of 1024), whatever the case. The error says what was expected.
Result<std::uint64_t> parse_size(std::string_view text);

/// Reads "127.0.0.1:2525" or "[::]:465"; IPv6 hosts come back in their one canonical form. Port 0
/// (any free port) is taken. The error says what was expected.
Result<Endpoint> parse_endpoint(std::string_view text);

/// The inverse of parse_endpoint.
std::string str(const Endpoint& endpoint);

/// Could not both be listened on: the same port of the same address, or of all addresses.
bool overlap(const Endpoint& one, const Endpoint& other);

/// Is a server that listens at `endpoint` the one that this machine reaches as `host` and `port`,
/// as far as can be known without asking a resolver?
bool is_reached_at(const Endpoint& endpoint, std::string_view host, std::uint16_t port);

/// A duration the way parse_duration reads it: "1h30m".
std::string str(milliseconds duration);

/// Is this 127.0.0.0/8, ::1 or an IPv4-mapped form of the former? Only literals and "localhost" can
/// be.
bool is_loopback(std::string_view host);

/// Is this an IPv4 or IPv6 literal, without brackets?
bool is_ip_literal(std::string_view text);

/// Is this a name as EHLO takes it (the Domain of RFC 5321 section 4.1.2): dot-separated labels of
/// letters, digits and inner hyphens, 63 octets each, 253 in all?
bool is_domain(std::string_view text);

}  // namespace sallyport::config

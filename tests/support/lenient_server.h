// Servers that take more for the end of data than CRLF "." CRLF, as many did before SMTP smuggling
// was known: what we send must end for them where it ends for everybody.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::support {

/// What one of them takes for the end of a line, besides CRLF.
struct LenientServer {
  std::string_view name;
  bool lf = false;       ///< LF alone.
  bool cr = false;       ///< CR alone.
  bool cr_crlf = false;  ///< CR CR LF.
  bool no_nul = false;   ///< NULs are dropped before anything is looked at.
  bool trims = false;    ///< White space at the end of a line is not looked at.
};

inline constexpr std::array kLenientServers = {
    LenientServer{.name = "strict"},
    LenientServer{.name = "LF ends a line", .lf = true},
    LenientServer{.name = "CR ends a line", .cr = true},
    LenientServer{.name = "CR CR LF ends a line", .cr_crlf = true},
    LenientServer{.name = "NULs are dropped", .no_nul = true},
    LenientServer{.name = "LF ends a line, NULs are dropped", .lf = true, .no_nul = true},
    LenientServer{.name = "anything ends a line",
                  .lf = true,
                  .cr = true,
                  .cr_crlf = true,
                  .no_nul = true,
                  .trims = true},
};

/// Octets of `wire` up to the end of data as this server sees it: npos when it sees none.
inline std::size_t end_of_data(std::string_view wire, const LenientServer& server) {
  std::string seen;
  std::vector<std::size_t> places;  // of the octets seen, behind each
  for (std::size_t i = 0; i < wire.size(); ++i) {
    if (server.no_nul && wire[i] == '\0') continue;
    seen += wire[i];
    places.push_back(i + 1);
  }
  const std::string_view all = seen;
  std::size_t line = 0;
  for (std::size_t at = 0; at < all.size();) {
    const std::string_view rest = all.substr(at);
    std::size_t length = 0;  // of the line end here
    if (rest.starts_with("\r\n")) {
      length = 2;
    } else if (server.cr_crlf && rest.starts_with("\r\r\n")) {
      length = 3;
    } else if ((server.lf && rest.front() == '\n') || (server.cr && rest.front() == '\r')) {
      length = 1;
    }
    if (length == 0) {
      ++at;
      continue;
    }
    std::string_view text = all.substr(line, at - line);
    while (server.trims && (text.ends_with(' ') || text.ends_with('\t'))) text.remove_suffix(1);
    if (text == ".") return places[at + length - 1];
    at += length;
    line = at;
  }
  return std::string_view::npos;
}

}  // namespace sallyport::support

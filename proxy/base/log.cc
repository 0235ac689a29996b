#include "proxy/base/log.h"

#include <utility>

#include "proxy/base/log_buffer.h"

namespace sallyport::log {
namespace {

constexpr Duration kClosePatience = std::chrono::seconds(1);

}  // namespace

Logger::Logger(Options options)
    : options_(options),
      least_(options.least),
      buffer_(std::make_shared<Buffer>(options.most_buffered, options.format, options.clock)) {
  if (options_.most_buffered > 0) Buffer::start_writer(buffer_, options_.descriptor);
}

Logger::~Logger() { close(kClosePatience); }

void Logger::configure(Format format, Level least) {
  buffer_->format.store(format, std::memory_order_relaxed);
  least_.store(least, std::memory_order_relaxed);
}

Line Logger::line(Level level, std::string_view event) const {
  return Line(buffer_->format.load(std::memory_order_relaxed), level, event, options_.clock());
}

void Logger::write(Level level, Line&& line, Kind kind) {
  if (enabled(level)) buffer_->add(std::move(line).finish(), kind);
}

void Logger::write(Level level, std::string_view event, std::initializer_list<Field> fields,
                   Kind kind) {
  if (!enabled(level)) return;
  Line built = line(level, event);
  for (const Field& field : fields) built.field(field);
  write(level, std::move(built), kind);
}

CountByKind Logger::dropped() const { return buffer_->dropped(); }

std::uint64_t Logger::close(Duration patience) { return buffer_->close(patience); }

}  // namespace sallyport::log

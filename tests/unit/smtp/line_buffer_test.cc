#include "proxy/smtp/line_buffer.h"

#include <gtest/gtest.h>

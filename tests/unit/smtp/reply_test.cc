#include "proxy/smtp/reply.h"

#include <gtest/gtest.h>

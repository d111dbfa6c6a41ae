// What a process does once, first in main.
#pragma once

namespace tt::pipeline {

void init_numerics();

}  // namespace tt::pipeline

#cmake - D FILE = results.json - D PARTS =                                                         \
                      N - P results.cmake : what a run without a GPU writes is JSON,               \
           and complete.
file(READ ${FILE} text) string(JSON count LENGTH ${text} parts) string(JSON failed GET ${
    text} failed) string(JSON passed GET ${
    text} passed) if (NOT count EQUAL PARTS OR NOT failed EQUAL PARTS OR NOT passed EQUAL 0)
    message(FATAL_ERROR "cuda: ${FILE} has ${count} parts, ${passed} passed, ${failed} failed; not "
                        "${PARTS} that failed") endif()
        foreach (key IN ITEMS date commit gpu gpu_after cuda torch seconds kernels)
            string(JSON value GET ${text} ${key}) endforeach() math(EXPR last "${PARTS} - 1")
                foreach (i RANGE ${last}) string(JSON status GET ${text} parts ${i} status)
                    string(JSON figures LENGTH ${text} parts ${i} figures) string(JSON figure GET ${
                        text} parts ${i} figure) if (NOT status EQUAL 77 OR NOT figures
                                                         EQUAL 0 OR NOT figure STREQUAL
                                                     "no GPU can be used")
                        message(FATAL_ERROR
                                "cuda: ${FILE}: part ${i} has status ${status}, figure '${figure}'")
                            endif() endforeach()

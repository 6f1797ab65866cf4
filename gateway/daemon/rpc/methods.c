/* SPDX-License-Identifier: Apache-2.0 */
/* All rooms of methods: a new one is added here. */
#include "gateway/daemon/rpc/call.h"

const struct rpc_methods *const rpc_rooms[] = {
    &rpc_methods_values,
    &rpc_methods_bus,
    &rpc_methods_poll,
    &rpc_methods_serial,
    &rpc_methods_commission,
    &rpc_methods_settings,
    &rpc_methods_calibrate,
    &rpc_methods_update,
    &rpc_methods_password,
    &rpc_methods_alerts,
    &rpc_methods_actions,
    &rpc_methods_ledger,
    &rpc_methods_config,
    &rpc_methods_config_edit,
    &rpc_methods_upgrade,
    &rpc_methods_firmware,
    NULL,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A word that is no command: what is near it, and for crash's commands that go by another name here, or
 * aren't needed, what to type instead.
 */
#include "engine/cmd/commands.h"
#include <string.h>

static const struct {
	const char *name, *instead;
} elsewhere[] = {
	{"alias", "keys are bound to commands in a key map: ~/.config/vmbrowse/keys"},
	{"ascii", "`rd -a ADDRESS` shows text"},
	{"btop", "a page's number is its physical address >> 12: `eval 0xADDRESS >> 12`"},
	{"dev", "`p major_names` (block), `p chrdevs` (character), `mount` and `files` name devices"},
	{"exit", "`q` closes, Q quits"},
	{"extend", "there are no extensions; -o json feeds scripts"},
	{"gdb", "`p EXPRESSION`, `whatis NAME` and `dis` need no gdb"},
	{"ipcs", "`p init_ipc_ns` leads to all IPC objects"},
	{"irq", "`p irq_desc_tree` (or sparse_irqs in newer kernels) leads to all interrupts"},
	{"mach", "`sys` tells the machine, `vtop` page tables"},
	{"net", "`list -H init_net.dev_base_head -o net_device.dev_list -s net_device.name`"},
	{"pte", "`vtop ADDRESS` explains every page table entry on the way"},
	{"ptob", "a page's physical address is its number << 12: `eval PAGE << 12`"},
	{"q", "in the program q closes; here the commands end with the input"},
	{"quit", "in the program q closes; here the commands end with the input"},
	{"repeat", "a dump doesn't change"},
	{"runq", "`ps RU` lists what runs, `p runqueues:0` is a CPU's run queue"},
	{"sig", "`struct task_struct.pending,blocked,signal ADDRESS` has a task's signals"},
	{"swap", "`p swap_info` has the swap devices, `kmem -i` how full they are"},
	{"task", "`struct task_struct ADDRESS`, or t on a task"},
	{"waitq", "`waiters ADDRESS` tells who waits on a wait queue or lock"},
	{"wr", "a dump isn't written to"},
};

struct err *cmd_unknown(const char *name)
{
	AUTO_BUF struct buf near = {0};
	size_t n;
	const struct cmd *const *v = cmd_all(&n);

	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(*elsewhere); i++)
		if (!strcmp(elsewhere[i].name, name))
			return err_new(ERR_USAGE, "no command '%s': %s", name, elsewhere[i].instead);
	for (size_t i = 0; i < n; i++)
		if (!strncmp(v[i]->name, name, strlen(name)) ||
		    (v[i]->name[0] == name[0] && strlen(name) > 1))
			buf_printf(&near, "%s%s", near.len ? ", " : "", v[i]->name);
	if (near.len)
		return err_new(ERR_USAGE, "no command '%s'; near it: %s (`help` lists all)", name,
			       buf_str(&near));
	return err_new(ERR_USAGE, "no command '%s' (`help` lists them)", name);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types of well-known global variables of the kernel. BTF has them for per-CPU variables only, and
 * waiting for DWARF's index would delay the first screen, so until that is ready what the kernel's
 * source says of the globals that the views start from stands here. Only variables that have had
 * one type for as long as they have had the name are listed; a symbol or a type that the kernel at
 * hand lacks is simply not found. The unit test compares the list with the DWARF of real kernels.
 * Sorted by symbol.
 *
 * Source: the declarations in Linux' own files.
 */
#include "engine/type/impl.h"
#include <stdlib.h>
#include <string.h>

static const struct global_type globals[] = {
	{"__cpu_online_mask", "struct cpumask"},
	{"__cpu_possible_mask", "struct cpumask"},
	{"__cpu_present_mask", "struct cpumask"},
	{"__num_online_cpus", "atomic_t"},
	{"__per_cpu_offset", "unsigned long []"},
	{"block_class", "struct class"},
	{"cad_pid", "struct pid *"},
	{"cgrp_dfl_root", "struct cgroup_root"},
	{"clocksource_list", "struct list_head"},
	{"console_drivers", "struct console *"},
	{"contig_page_data", "struct pglist_data"},
	{"core_pattern", "char []"},
	{"crashing_cpu", "int"},
	{"high_memory", "void *"},
	{"huge_zero_page", "struct page *"},
	{"init_cred", "struct cred"},
	{"init_css_set", "struct css_set"},
	{"init_files", "struct files_struct"},
	{"init_fs", "struct fs_struct"},
	{"init_ipc_ns", "struct ipc_namespace"},
	{"init_mm", "struct mm_struct"},
	{"init_net", "struct net"},
	{"init_nsproxy", "struct nsproxy"},
	{"init_pid_ns", "struct pid_namespace"},
	{"init_signals", "struct signal_struct"},
	{"init_task", "struct task_struct"},
	{"init_user_ns", "struct user_namespace"},
	{"init_uts_ns", "struct uts_namespace"},
	{"iomem_resource", "struct resource"},
	{"ioport_resource", "struct resource"},
	{"jiffies", "unsigned long"},
	{"jiffies_64", "u64"},
	{"linux_banner", "char []"},
	{"log_buf", "char *"},
	{"log_buf_len", "u32"},
	{"log_first_idx", "u32"},
	{"log_next_idx", "u32"},
	{"max_low_pfn", "unsigned long"},
	{"max_pfn", "unsigned long"},
	{"min_low_pfn", "unsigned long"},
	{"modules", "struct list_head"},
	{"net_namespace_list", "struct list_head"},
	{"node_data", "struct pglist_data *[]"},
	{"nr_cpu_ids", "unsigned int"},
	{"nr_threads", "int"},
	{"oops_in_progress", "int"},
	{"page_offset_base", "unsigned long"},
	{"panic_cpu", "atomic_t"},
	{"panic_on_oops", "int"},
	{"pci_root_buses", "struct list_head"},
	{"percpu_counters", "struct list_head"},
	{"phys_base", "unsigned long"},
	{"prb", "struct printk_ringbuffer *"},
	{"printk_rb_static", "struct printk_ringbuffer"},
	{"root_task_group", "struct task_group"},
	{"saved_command_line", "char *"},
	{"slab_caches", "struct list_head"},
	{"slab_mutex", "struct mutex"},
	{"super_blocks", "struct list_head"},
	{"sysctl_hung_task_timeout_secs", "unsigned long"},
	{"system_wq", "struct workqueue_struct *"},
	{"tainted_mask", "unsigned long"},
	{"task_groups", "struct list_head"},
	{"tasklist_lock", "rwlock_t"},
	{"total_forks", "unsigned long"},
	{"vm_stat", "atomic_long_t []"},
	{"vm_zone_stat", "atomic_long_t []"},
	{"vmalloc_base", "unsigned long"},
	{"vmap_area_list", "struct list_head"},
	{"vmemmap_base", "unsigned long"},
	{"workqueues", "struct list_head"},
	{"wq_pool_mutex", "struct mutex"},
};

static int compare(const void *key, const void *element)
{
	return strcmp(key, ((const struct global_type *)element)->symbol);
}

const struct global_type *global_types(size_t *n)
{
	*n = sizeof(globals) / sizeof(*globals);
	return globals;
}

const char *global_type_name(const char *symbol)
{
	size_t n;
	const struct global_type *all = global_types(&n);
	const struct global_type *g = bsearch(symbol, all, n, sizeof(*all), compare);

	return g ? g->type : NULL;
}

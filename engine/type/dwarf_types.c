/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types out of DWARF. A DIE becomes a type when somebody asks for it, found by its offset; names
 * are found by the index (dwarf_find.c). All reading of DIEs happens under the object's lock, which libdw needs;
 * walks over children only ever go forward, so that a damaged sibling reference can't make a ring.
 *
 * Kernels hold units of three languages: C gives everything; assembler units have no types; of Rust
 * what has a C meaning is shown, the rest (variant parts) is left out.
 */
#include "engine/type/dwarfimpl.h"
#include "engine/base/alloc.h"
#include <dwarf.h>
#include <string.h>

#define NAME_MAX_LEN 1024
#define DIMENSIONS_MAX 16
#define CHILDREN_MAX 1000000
/* Marks offsets into .debug_types, DWARF 4's section for type units. */
#define IN_DEBUG_TYPES ((uint64_t)1 << 63)

/* A walk over the children of a DIE: `struct children c = {0}` begins it. */
struct children {
	Dwarf_Die die;
	Dwarf_Off last;
	size_t n;
	bool begun;
};

static const struct type *die_type(const struct provider *p, Dwarf_Die *die);

/* The next child of parent into c->die; false at the end. */
static bool next_child(Dwarf_Die *parent, struct children *c)
{
	int end = c->begun ? dwarf_siblingof(&c->die, &c->die) : dwarf_child(parent, &c->die);

	if (end || c->n++ > CHILDREN_MAX)
		return false;
	Dwarf_Off at = dwarf_dieoffset(&c->die);
	if (c->begun && at <= c->last)
		return false;
	c->begun = true;
	c->last = at;
	return true;
}

const char *dwarf_die_name(const struct types *ts, Dwarf_Die *die)
{
	const char *s = dwarf_diename(die);

	for (size_t i = 0; s && i <= NAME_MAX_LEN; i++) {
		if (!s[i])
			return intern_str(ts->names, s);
		if (s[i] < ' ' || s[i] > '~') /* these go to terminals */
			break;
	}
	return "";
}

static bool die_number(Dwarf_Die *die, unsigned attr, uint64_t *ret)
{
	Dwarf_Attribute a;
	Dwarf_Word w;

	if (!dwarf_attr_integrate(die, attr, &a) || dwarf_formudata(&a, &w))
		return false;
	*ret = w;
	return true;
}

bool dwarf_die_flag(Dwarf_Die *die, unsigned attr)
{
	Dwarf_Attribute a;
	bool set = false;

	return dwarf_attr(die, attr, &a) && !dwarf_formflag(&a, &set) && set;
}

static bool die_ref(Dwarf_Die *die, unsigned attr, Dwarf_Die *ret)
{
	Dwarf_Attribute a;

	return dwarf_attr_integrate(die, attr, &a) && dwarf_formref_die(&a, ret);
}

/* DW_AT_type's type; void when there is none. */
static const struct type *type_of(const struct provider *p, Dwarf_Die *die)
{
	Dwarf_Die target;

	return die_ref(die, DW_AT_type, &target) ? die_type(p, &target) : p->ts->void_type;
}

static uint64_t die_id(Dwarf_Die *die)
{
	Dwarf_Half version = 0;
	uint8_t unit = 0;

	dwarf_cu_info(die->cu, &version, &unit, NULL, NULL, NULL, NULL, NULL);
	return dwarf_dieoffset(die) |
	       (version == 4 && unit == DW_UT_type ? IN_DEBUG_TYPES : 0);
}

static bool die_at(const struct provider *p, uint64_t id, Dwarf_Die *ret)
{
	Dwarf *d = object_dwarf(p->object);

	if (!d)
		return false;
	if (id & IN_DEBUG_TYPES)
		return dwarf_offdie_types(d, id & ~IN_DEBUG_TYPES, ret);
	return dwarf_offdie(d, id, ret);
}

static bool kind_of_tag(int tag, enum type_kind *kind, enum qualifier *qual)
{
	static const struct { int tag; enum type_kind kind; enum qualifier qual; } tags[] = {
		{DW_TAG_pointer_type, TYPE_POINTER, QUAL_NONE},
		{DW_TAG_structure_type, TYPE_STRUCT, QUAL_NONE},
		{DW_TAG_typedef, TYPE_TYPEDEF, QUAL_NONE},
		{DW_TAG_base_type, TYPE_INT, QUAL_NONE}, /* see set_base() */
		{DW_TAG_array_type, TYPE_ARRAY, QUAL_NONE},
		{DW_TAG_union_type, TYPE_UNION, QUAL_NONE},
		{DW_TAG_enumeration_type, TYPE_ENUM, QUAL_NONE},
		{DW_TAG_subroutine_type, TYPE_FUNCTION, QUAL_NONE},
		{DW_TAG_subprogram, TYPE_FUNCTION, QUAL_NONE},
		{DW_TAG_const_type, TYPE_QUALIFIED, QUAL_CONST},
		{DW_TAG_volatile_type, TYPE_QUALIFIED, QUAL_VOLATILE},
		{DW_TAG_restrict_type, TYPE_QUALIFIED, QUAL_RESTRICT},
		{DW_TAG_atomic_type, TYPE_QUALIFIED, QUAL_ATOMIC},
		{DW_TAG_immutable_type, TYPE_QUALIFIED, QUAL_CONST},
		{DW_TAG_class_type, TYPE_STRUCT, QUAL_NONE},
		{DW_TAG_template_alias, TYPE_TYPEDEF, QUAL_NONE},
		{DW_TAG_reference_type, TYPE_POINTER, QUAL_NONE},
		{DW_TAG_rvalue_reference_type, TYPE_POINTER, QUAL_NONE},
	};

	for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++)
		if (tags[i].tag == tag) {
			*kind = tags[i].kind;
			*qual = tags[i].qual;
			return true;
		}
	return false;
}

static void set_base(struct type *t, Dwarf_Die *die)
{
	uint64_t encoding = 0;

	die_number(die, DW_AT_encoding, &encoding);
	switch (encoding) {
	case DW_ATE_float:
	case DW_ATE_complex_float:
	case DW_ATE_imaginary_float:
	case DW_ATE_decimal_float:
		t->kind = TYPE_FLOAT;
		t->is_signed = true;
		break;
	case DW_ATE_boolean:
		t->is_bool = true;
		break;
	case DW_ATE_signed_char:
	case DW_ATE_unsigned_char:
		t->is_char = t->size == 1;
		t->is_signed = encoding == DW_ATE_signed_char;
		break;
	case DW_ATE_signed:
		t->is_signed = true;
		break;
	default:
		break;
	}
}

/* Is the constant written as a signed one? */
static bool signed_form(Dwarf_Attribute *a)
{
	unsigned form = dwarf_whatform(a);
	return form == DW_FORM_sdata || form == DW_FORM_implicit_const;
}

static bool die_constant(Dwarf_Die *die, unsigned attr, int64_t *ret)
{
	Dwarf_Attribute a;
	Dwarf_Sword s;
	Dwarf_Word u;

	if (!dwarf_attr_integrate(die, attr, &a))
		return false;
	if (signed_form(&a)) {
		if (dwarf_formsdata(&a, &s))
			return false;
		*ret = s;
		return true;
	}
	if (dwarf_formudata(&a, &u))
		return false;
	*ret = (int64_t)u;
	return true;
}

/* From its encoding, its integer type's, or else its values. */
static bool enum_is_signed(Dwarf_Die *die)
{
	struct children c = {0};
	uint64_t encoding;
	Dwarf_Die base = *die;
	int64_t v;

	for (int i = 0; i < CHAIN_MAX; i++) {
		if (die_number(&base, DW_AT_encoding, &encoding))
			return encoding == DW_ATE_signed || encoding == DW_ATE_signed_char;
		if (!die_ref(&base, DW_AT_type, &base))
			break;
	}
	while (next_child(die, &c))
		if (dwarf_tag(&c.die) == DW_TAG_enumerator &&
		    die_constant(&c.die, DW_AT_const_value, &v) && v < 0)
			return true;
	return false;
}

/* One dimension's count out of its subrange. */
static bool subrange_count(Dwarf_Die *die, uint64_t *ret)
{
	int64_t upper, lower = 0, count;

	if (die_constant(die, DW_AT_count, &count)) {
		*ret = (uint64_t)count;
		return true;
	}
	if (!die_constant(die, DW_AT_upper_bound, &upper))
		return false;
	die_constant(die, DW_AT_lower_bound, &lower);
	*ret = (uint64_t)upper - (uint64_t)lower + 1;
	return true;
}

/* The subranges are the dimensions, the outermost first; each becomes an array of the next. */
static void set_dimensions(struct type *t, Dwarf_Die *die)
{
	struct children c = {0};
	struct type *at = t;
	int n = 0;

	while (n < DIMENSIONS_MAX && next_child(die, &c)) {
		int tag = dwarf_tag(&c.die);
		if (tag != DW_TAG_subrange_type && tag != DW_TAG_enumeration_type)
			continue;
		if (n++) {
			struct type *inner = type_new(t->ts, TYPE_ARRAY, t->provider, t->id);
			atomic_init(&at->target, inner);
			at = inner;
		}
		at->has_count = subrange_count(&c.die, &at->count);
	}
}

static struct type *make(const struct provider *p, Dwarf_Die *die, uint64_t id,
			 enum type_kind kind, enum qualifier qual)
{
	struct type *t = type_new(p->ts, kind, p, id);
	uint64_t size;

	t->qual = qual;
	if (die_number(die, DW_AT_byte_size, &size))
		t->size = size;
	if (kind == TYPE_QUALIFIED)
		return t;
	if (kind != TYPE_FUNCTION)
		t->name = dwarf_die_name(p->ts, die);
	switch (kind) {
	case TYPE_INT:
		set_base(t, die);
		break;
	case TYPE_POINTER:
		t->size = 8;
		t->name = "";
		break;
	case TYPE_ARRAY:
		set_dimensions(t, die);
		break;
	case TYPE_ENUM:
		t->is_signed = enum_is_signed(die);
		/* fall through */
	case TYPE_STRUCT:
	case TYPE_UNION:
		t->is_declaration = dwarf_die_flag(die, DW_AT_declaration);
		break;
	default:
		break;
	}
	return t;
}

/* Under the types' and the object's lock. void for what is no type. */
static const struct type *die_type(const struct provider *p, Dwarf_Die *die)
{
	struct provider *owner = (struct provider *)p;
	enum type_kind kind;
	enum qualifier qual;
	Dwarf_Die real;
	bool added;

	for (int i = 0; i < CHAIN_MAX; i++) {
		int tag = dwarf_tag(die);
		/* A type unit's type is declared here and defined there; a subrange names its
		 * base. */
		bool follow = tag == DW_TAG_subrange_type ? die_ref(die, DW_AT_type, &real)
							  : die_ref(die, DW_AT_signature, &real);
		if (!follow)
			break;
		*die = real;
	}
	if (!kind_of_tag(dwarf_tag(die), &kind, &qual))
		return p->ts->void_type;
	uint64_t id = die_id(die);
	uint64_t *slot = hmap_put(&owner->made, id, &added);
	if (added)
		*slot = (uintptr_t)make(p, die, id, kind, qual);
	return (const struct type *)(uintptr_t)*slot;
}

const struct type *dwarf_target(const struct type *t)
{
	const struct type *target = t->ts->void_type;
	Dwarf_Die die;

	object_lock(t->provider->object);
	if (die_at(t->provider, t->id, &die)) {
		if (t->kind == TYPE_ENUM && !dwarf_hasattr_integrate(&die, DW_AT_type))
			target = NULL;
		else
			target = type_of(t->provider, &die);
	}
	object_unlock(t->provider->object);
	return target;
}

/* Bytes of the integer that an old-style bitfield is counted in. */
static uint64_t storage_size(Dwarf_Die *member)
{
	Dwarf_Die die = *member;
	uint64_t size;

	for (int i = 0; i < CHAIN_MAX; i++) {
		if (die_number(&die, DW_AT_byte_size, &size))
			return size;
		if (!die_ref(&die, DW_AT_type, &die))
			break;
	}
	return 0;
}

/* A constant, or DWARF 2's expression: add it to the struct's address. */
static uint64_t member_location(Dwarf_Die *die)
{
	Dwarf_Attribute a;
	Dwarf_Word w;
	Dwarf_Op *ops;
	size_t n;

	if (!dwarf_attr(die, DW_AT_data_member_location, &a))
		return 0;
	if (!dwarf_formudata(&a, &w))
		return w;
	if (!dwarf_getlocation(&a, &ops, &n) && n == 1 &&
	    (ops[0].atom == DW_OP_plus_uconst || ops[0].atom == DW_OP_constu))
		return ops[0].number;
	return 0;
}

static void set_member(const struct provider *p, Dwarf_Die *die, struct member *m)
{
	uint64_t size, offset;

	m->name = dwarf_die_name(p->ts, die);
	m->type = type_of(p, die);
	if (!mul_u64(member_location(die), 8, &m->bit_offset))
		m->bit_offset = 0;
	if (!die_number(die, DW_AT_bit_size, &size) || size > UINT32_MAX)
		return;
	m->bit_size = (uint32_t)size;
	if (die_number(die, DW_AT_data_bit_offset, &offset))
		m->bit_offset += offset;
	else if (die_number(die, DW_AT_bit_offset, &offset)) /* from the big end of the storage */
		m->bit_offset += storage_size(die) * 8 - offset - size;
}

static size_t count_children(Dwarf_Die *parent, int tag)
{
	struct children c = {0};
	size_t n = 0;

	while (next_child(parent, &c))
		n += dwarf_tag(&c.die) == tag;
	return n;
}

static struct body *load_members(const struct provider *p, Dwarf_Die *die)
{
	struct body *b = body_new(p->ts, count_children(die, DW_TAG_member), sizeof(*b->members));
	struct children c = {0};
	size_t i = 0;

	while (i < b->n && next_child(die, &c))
		if (dwarf_tag(&c.die) == DW_TAG_member)
			set_member(p, &c.die, &b->members[i++]);
	return b;
}

/* As many bits as the enum has, in its own signedness. */
static int64_t fit(int64_t value, const struct type *t)
{
	unsigned drop = t->size && t->size < 8 ? 64 - 8 * (unsigned)t->size : 0;
	uint64_t up = (uint64_t)value << drop;

	return t->is_signed ? (int64_t)up >> drop : (int64_t)(up >> drop);
}

static struct body *load_enumerators(const struct type *t, Dwarf_Die *die)
{
	struct body *b = body_new(t->ts, count_children(die, DW_TAG_enumerator),
				  sizeof(*b->enumerators));
	struct children c = {0};
	size_t i = 0;

	while (i < b->n && next_child(die, &c)) {
		if (dwarf_tag(&c.die) != DW_TAG_enumerator)
			continue;
		struct enumerator *e = &b->enumerators[i++];
		e->name = dwarf_die_name(t->ts, &c.die);
		if (die_constant(&c.die, DW_AT_const_value, &e->value))
			e->value = fit(e->value, t);
	}
	return b;
}

static struct body *load_params(const struct provider *p, Dwarf_Die *die)
{
	struct body *b = body_new(p->ts, count_children(die, DW_TAG_formal_parameter),
				  sizeof(*b->params));
	struct children c = {0};
	size_t i = 0;

	while (next_child(die, &c)) {
		int tag = dwarf_tag(&c.die);
		if (tag == DW_TAG_unspecified_parameters)
			b->variadic = true;
		if (tag != DW_TAG_formal_parameter || i == b->n)
			continue;
		b->params[i].name = dwarf_die_name(p->ts, &c.die);
		b->params[i++].type = type_of(p, &c.die);
	}
	return b;
}

const struct body *dwarf_body(const struct type *t)
{
	const struct provider *p = t->provider;
	struct body *b = NULL;
	Dwarf_Die die;

	object_lock(p->object);
	if (die_at(p, t->id, &die)) {
		if (t->kind == TYPE_ENUM)
			b = load_enumerators(t, &die);
		else if (t->kind == TYPE_FUNCTION)
			b = load_params(p, &die);
		else
			b = load_members(p, &die);
	}
	object_unlock(p->object);
	return b ? b : body_new(t->ts, 0, 0);
}

static bool names_a_type(int tag)
{
	return tag == DW_TAG_variable || tag == DW_TAG_formal_parameter || tag == DW_TAG_member ||
	       tag == DW_TAG_constant;
}

/* A function that is also inlined says what it is like in one place, its code in others; and of those each
 * has only the parameters that are left. */
static void to_prototype(Dwarf_Die *die)
{
	Dwarf_Attribute attr;
	Dwarf_Die origin;

	if (dwarf_tag(die) == DW_TAG_subprogram && dwarf_attr(die, DW_AT_abstract_origin, &attr) &&
	    dwarf_formref_die(&attr, &origin) && dwarf_tag(&origin) == DW_TAG_subprogram)
		*die = origin;
}

const struct type *dwarf_provider_die(struct provider *p, uint64_t offset)
{
	const struct type *t = NULL;
	enum type_kind kind;
	enum qualifier qual;
	Dwarf_Die die;

	pthread_mutex_lock(&p->ts->lock);
	object_lock(p->object);
	if (die_at(p, offset, &die)) {
		to_prototype(&die);
		int tag = dwarf_tag(&die);
		if (names_a_type(tag))
			t = type_of(p, &die);
		else if (tag == DW_TAG_unspecified_type)
			t = p->ts->void_type;
		else if (tag == DW_TAG_subrange_type || kind_of_tag(tag, &kind, &qual))
			t = die_type(p, &die);
	}
	object_unlock(p->object);
	pthread_mutex_unlock(&p->ts->lock);
	return t;
}

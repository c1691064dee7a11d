/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From capstone's instruction to ours. The list of actions names what compilers move values with;
 * everything else that is known to leave the general registers alone is ACT_NONE, and what remains
 * is ACT_OTHER: all its register operands, all that capstone calls written, and the registers that
 * a call may clobber are then lost. (Capstone 4 misses some implicit writes: that is why.)
 */
#include <string.h>
#include "engine/dis/impl.h"
#include "engine/dis/insn.h"

#define BIT(r) (1u << (r))
#define CALLER_SAVED                                                                               \
	(BIT(REG_RAX) | BIT(REG_RCX) | BIT(REG_RDX) | BIT(REG_RSI) | BIT(REG_RDI) | 0x0f00u)

#define NAMES(q, d, w, b, num)                                                                     \
	[X86_REG_##q] = {num, 8, false, true}, [X86_REG_##d] = {num, 4, false, true},              \
	[X86_REG_##w] = {num, 2, false, true}, [X86_REG_##b] = {num, 1, false, true}
#define HIGH(b, num) [X86_REG_##b] = {num, 1, true, true}

static const struct {
	uint8_t num, size;
	bool high, valid;
} registers[X86_REG_ENDING] = {
	NAMES(RAX, EAX, AX, AL, 0),
	NAMES(RDX, EDX, DX, DL, 1),
	NAMES(RCX, ECX, CX, CL, 2),
	NAMES(RBX, EBX, BX, BL, 3),
	NAMES(RSI, ESI, SI, SIL, 4),
	NAMES(RDI, EDI, DI, DIL, 5),
	NAMES(RBP, EBP, BP, BPL, 6),
	NAMES(RSP, ESP, SP, SPL, 7),
	NAMES(R8, R8D, R8W, R8B, 8),
	NAMES(R9, R9D, R9W, R9B, 9),
	NAMES(R10, R10D, R10W, R10B, 10),
	NAMES(R11, R11D, R11W, R11B, 11),
	NAMES(R12, R12D, R12W, R12B, 12),
	NAMES(R13, R13D, R13W, R13B, 13),
	NAMES(R14, R14D, R14W, R14B, 14),
	NAMES(R15, R15D, R15W, R15B, 15),
	HIGH(AH, 0),
	HIGH(DH, 1),
	HIGH(CH, 2),
	HIGH(BH, 3),
};

static bool is_general(unsigned reg)
{
	return reg < X86_REG_ENDING && registers[reg].valid;
}

static uint8_t number_of(unsigned reg)
{
	return is_general(reg) ? registers[reg].num : NO_REG;
}

static struct operand operand_of(const cs_x86_op *op, const struct insn *in)
{
	struct operand o = {.size = op->size, .reg = NO_REG, .base = NO_REG, .index = NO_REG};

	switch (op->type) {
	case X86_OP_REG:
		if (!is_general(op->reg))
			break; /* OPND_NONE: control, vector, segment registers */
		o.kind = OPND_REG;
		o.reg = registers[op->reg].num;
		o.size = registers[op->reg].size;
		o.high = registers[op->reg].high;
		break;
	case X86_OP_IMM:
		o.kind = OPND_IMM;
		o.v = op->imm;
		break;
	case X86_OP_MEM:
		o.kind = OPND_MEM;
		o.v = op->mem.disp;
		o.base = number_of(op->mem.base);
		o.index = number_of(op->mem.index);
		o.scale = (uint8_t)op->mem.scale;
		o.segment = op->mem.segment == X86_REG_GS || op->mem.segment == X86_REG_FS;
		o.absolute = op->mem.base == X86_REG_RIP ||
			     (op->mem.base == X86_REG_INVALID && op->mem.index == X86_REG_INVALID);
		if (op->mem.base == X86_REG_RIP)
			o.v += (int64_t)(in->pc + in->size);
		break;
	default:
		break;
	}
	return o;
}

/* Those that aren't here are ACT_OTHER. */
static const uint8_t actions[X86_INS_ENDING] = {
	[X86_INS_MOV] = ACT_MOV,	  [X86_INS_MOVABS] = ACT_MOV,
	[X86_INS_MOVZX] = ACT_MOVZX,	  [X86_INS_MOVSX] = ACT_MOVSX,
	[X86_INS_MOVSXD] = ACT_MOVSX,	  [X86_INS_LEA] = ACT_LEA,
	[X86_INS_ADD] = ACT_ADD,	  [X86_INS_INC] = ACT_ADD,
	[X86_INS_SUB] = ACT_SUB,	  [X86_INS_DEC] = ACT_SUB,
	[X86_INS_AND] = ACT_AND,	  [X86_INS_OR] = ACT_OR,
	[X86_INS_XOR] = ACT_XOR,	  [X86_INS_XCHG] = ACT_XCHG,
	[X86_INS_PUSH] = ACT_PUSH,	  [X86_INS_PUSHFQ] = ACT_PUSH,
	[X86_INS_POP] = ACT_POP,	  [X86_INS_POPFQ] = ACT_POP,
	[X86_INS_LEAVE] = ACT_LEAVE,	  [X86_INS_CDQE] = ACT_EXTEND,
	[X86_INS_CMOVA] = ACT_CMOV,	  [X86_INS_CMOVAE] = ACT_CMOV,
	[X86_INS_CMOVB] = ACT_CMOV,	  [X86_INS_CMOVBE] = ACT_CMOV,
	[X86_INS_CMOVE] = ACT_CMOV,	  [X86_INS_CMOVG] = ACT_CMOV,
	[X86_INS_CMOVGE] = ACT_CMOV,	  [X86_INS_CMOVL] = ACT_CMOV,
	[X86_INS_CMOVLE] = ACT_CMOV,	  [X86_INS_CMOVNE] = ACT_CMOV,
	[X86_INS_CMOVNO] = ACT_CMOV,	  [X86_INS_CMOVNP] = ACT_CMOV,
	[X86_INS_CMOVNS] = ACT_CMOV,	  [X86_INS_CMOVO] = ACT_CMOV,
	[X86_INS_CMOVP] = ACT_CMOV,	  [X86_INS_CMOVS] = ACT_CMOV,
	[X86_INS_ADC] = ACT_ALU,	  [X86_INS_SBB] = ACT_ALU,
	[X86_INS_NOT] = ACT_ALU,	  [X86_INS_NEG] = ACT_ALU,
	[X86_INS_SHL] = ACT_ALU,	  [X86_INS_SHR] = ACT_ALU,
	[X86_INS_SAR] = ACT_ALU,	  [X86_INS_SAL] = ACT_ALU,
	[X86_INS_ROL] = ACT_ALU,	  [X86_INS_ROR] = ACT_ALU,
	[X86_INS_RCL] = ACT_ALU,	  [X86_INS_RCR] = ACT_ALU,
	[X86_INS_BSF] = ACT_ALU,	  [X86_INS_BSR] = ACT_ALU,
	[X86_INS_TZCNT] = ACT_ALU,	  [X86_INS_LZCNT] = ACT_ALU,
	[X86_INS_POPCNT] = ACT_ALU,	  [X86_INS_BSWAP] = ACT_ALU,
	[X86_INS_SHLD] = ACT_ALU,	  [X86_INS_SHRD] = ACT_ALU,
	[X86_INS_RDGSBASE] = ACT_ALU,	  [X86_INS_RDFSBASE] = ACT_ALU,
	[X86_INS_SETA] = ACT_ALU,	  [X86_INS_SETAE] = ACT_ALU,
	[X86_INS_SETB] = ACT_ALU,	  [X86_INS_SETBE] = ACT_ALU,
	[X86_INS_SETE] = ACT_ALU,	  [X86_INS_SETG] = ACT_ALU,
	[X86_INS_SETGE] = ACT_ALU,	  [X86_INS_SETL] = ACT_ALU,
	[X86_INS_SETLE] = ACT_ALU,	  [X86_INS_SETNE] = ACT_ALU,
	[X86_INS_SETNO] = ACT_ALU,	  [X86_INS_SETNP] = ACT_ALU,
	[X86_INS_SETNS] = ACT_ALU,	  [X86_INS_SETO] = ACT_ALU,
	[X86_INS_SETP] = ACT_ALU,	  [X86_INS_SETS] = ACT_ALU,
	[X86_INS_CMP] = ACT_NONE,	  [X86_INS_TEST] = ACT_NONE,
	[X86_INS_BT] = ACT_NONE,	  [X86_INS_NOP] = ACT_NONE,
	[X86_INS_ENDBR64] = ACT_NONE,	  [X86_INS_LFENCE] = ACT_NONE,
	[X86_INS_MFENCE] = ACT_NONE,	  [X86_INS_SFENCE] = ACT_NONE,
	[X86_INS_PAUSE] = ACT_NONE,	  [X86_INS_CLI] = ACT_NONE,
	[X86_INS_STI] = ACT_NONE,	  [X86_INS_CLD] = ACT_NONE,
	[X86_INS_STD] = ACT_NONE,	  [X86_INS_CLC] = ACT_NONE,
	[X86_INS_STC] = ACT_NONE,	  [X86_INS_CMC] = ACT_NONE,
	[X86_INS_HLT] = ACT_NONE,	  [X86_INS_CLAC] = ACT_NONE,
	[X86_INS_STAC] = ACT_NONE,	  [X86_INS_INT3] = ACT_NONE,
	[X86_INS_SWAPGS] = ACT_NONE,	  [X86_INS_WRMSR] = ACT_NONE,
	[X86_INS_PREFETCHNTA] = ACT_NONE, [X86_INS_PREFETCHT0] = ACT_NONE,
	[X86_INS_PREFETCHT1] = ACT_NONE,  [X86_INS_PREFETCHT2] = ACT_NONE,
	[X86_INS_PREFETCHW] = ACT_NONE,	  [X86_INS_INVLPG] = ACT_NONE,
	[X86_INS_WBINVD] = ACT_NONE,	  [X86_INS_UD0] = ACT_NONE,
	[X86_INS_UD2] = ACT_NONE,	  [X86_INS_UD2B] = ACT_NONE,
	[X86_INS_STOSB] = ACT_STRING,	  [X86_INS_STOSW] = ACT_STRING,
	[X86_INS_STOSD] = ACT_STRING,	  [X86_INS_STOSQ] = ACT_STRING,
	[X86_INS_MOVSB] = ACT_STRING,	  [X86_INS_MOVSW] = ACT_STRING,
	[X86_INS_MOVSQ] = ACT_STRING,
};

/* What these write besides their operands is known; false: it isn't for this one. */
static bool known_writes(const cs_insn *in, uint32_t *ret)
{
	*ret = 0;
	switch (in->id) {
	case X86_INS_BTS:
	case X86_INS_BTR:
	case X86_INS_BTC:
	case X86_INS_XADD:
	case X86_INS_OUT:
	case X86_INS_LGDT:
	case X86_INS_LIDT:
	case X86_INS_LTR:
	case X86_INS_LLDT:
	case X86_INS_CLFLUSH:
	case X86_INS_SGDT:
	case X86_INS_SIDT:
	case X86_INS_STR:
	case X86_INS_SLDT:
	case X86_INS_CLTS:
		return true;
	case X86_INS_CMPXCHG:
	case X86_INS_IN:
	case X86_INS_CWDE:
	case X86_INS_CBW:
	case X86_INS_LAHF:
		*ret = BIT(REG_RAX);
		return true;
	case X86_INS_MUL:
	case X86_INS_IMUL:
	case X86_INS_DIV:
	case X86_INS_IDIV:
	case X86_INS_RDTSC:
	case X86_INS_RDMSR:
	case X86_INS_XGETBV:
	case X86_INS_CMPXCHG8B:
	case X86_INS_CMPXCHG16B:
		*ret = BIT(REG_RAX) | BIT(REG_RDX);
		return true;
	case X86_INS_RDTSCP:
		*ret = BIT(REG_RAX) | BIT(REG_RDX) | BIT(REG_RCX);
		return true;
	case X86_INS_CDQ:
	case X86_INS_CQO:
	case X86_INS_CWD:
		*ret = BIT(REG_RDX);
		return true;
	case X86_INS_CPUID:
		*ret = BIT(REG_RAX) | BIT(REG_RBX) | BIT(REG_RCX) | BIT(REG_RDX);
		return true;
	case X86_INS_ENTER:
		*ret = BIT(REG_RSP) | BIT(REG_RBP);
		return true;
	}
	return false;
}

/* ACT_OTHER's: all register operands, and what else it may write. */
static uint32_t written(const cs_insn *in)
{
	const cs_detail *d = in->detail;
	uint32_t w;

	if (!known_writes(in, &w)) {
		w = CALLER_SAVED;
		for (unsigned i = 0; i < d->regs_write_count; i++)
			if (is_general(d->regs_write[i]) && number_of(d->regs_write[i]) != REG_RSP)
				w |= BIT(number_of(d->regs_write[i]));
	}
	for (unsigned i = 0; i < d->x86.op_count; i++)
		if (d->x86.operands[i].type == X86_OP_REG && is_general(d->x86.operands[i].reg))
			w |= BIT(number_of(d->x86.operands[i].reg));
	return w;
}

static bool is_string(unsigned id)
{
	switch (id) {
	case X86_INS_CMPSB:
	case X86_INS_CMPSW:
	case X86_INS_CMPSD:
	case X86_INS_CMPSQ:
	case X86_INS_SCASB:
	case X86_INS_SCASW:
	case X86_INS_SCASD:
	case X86_INS_SCASQ:
	case X86_INS_LODSB:
	case X86_INS_LODSW:
	case X86_INS_LODSD:
	case X86_INS_LODSQ:
	case X86_INS_INSB:
	case X86_INS_INSW:
	case X86_INS_INSD:
	case X86_INS_OUTSB:
	case X86_INS_OUTSW:
	case X86_INS_OUTSD:
		return true;
	}
	return false;
}

static void set_action(const cs_insn *in, struct insn *ret)
{
	const cs_x86 *x = &in->detail->x86;

	ret->action = in->id < X86_INS_ENDING ? actions[in->id] : ACT_OTHER;
	if (x->op_count > 0)
		ret->a = operand_of(&x->operands[0], ret);
	if (x->op_count > 1)
		ret->b = operand_of(&x->operands[1], ret);
	switch (in->id) {
	case X86_INS_INC:
	case X86_INS_DEC:
		ret->b = (struct operand){.kind = OPND_IMM, .size = ret->a.size, .v = 1};
		break;
	case X86_INS_MOVSD: /* the string one has no vector register */
		if (ret->a.kind == OPND_MEM && ret->b.kind == OPND_MEM)
			ret->action = ACT_STRING;
		break;
	}
	ret->string = ret->action == ACT_STRING || is_string(in->id);
	ret->rep = x->prefix[0] == X86_PREFIX_REP || x->prefix[0] == X86_PREFIX_REPNE;
	if (is_string(in->id))
		ret->writes |= BIT(REG_RCX) | BIT(REG_RSI) | BIT(REG_RDI);
	/* A move to or from a register that we don't follow: mov %cr3,%rax. */
	if (ret->action == ACT_MOV && ret->b.kind == OPND_NONE)
		ret->action = ACT_ALU;
	if (in->id == X86_INS_IMUL && x->op_count > 1)
		ret->action = ACT_ALU;
	if (ret->action == ACT_OTHER)
		ret->writes |= written(in);
}

bool insn_read(struct decoder *x, struct code *c, uint64_t pc, struct insn *ret)
{
	struct dis_insn d;

	*ret = (struct insn){.pc = pc, .action = ACT_OTHER};
	if (!decode(x, c, pc, &d, NULL))
		return false;
	ret->size = d.size;
	ret->flow = (uint8_t)d.flow;
	ret->has_target = d.has_target;
	ret->target = d.target;
	ret->from_file = code_from_file(c, pc);
	if (!d.known) {
		ret->writes = ALL_REGS & ~BIT(REG_RSP);
		if (d.flow == DIS_TRAP) {
			ret->action = ACT_NONE;
			ret->writes = 0;
		}
		return true;
	}
	if (ret->flow == DIS_NEXT || ret->flow == DIS_CALL_INDIRECT ||
	    ret->flow == DIS_JUMP_INDIRECT || ret->flow == DIS_BRANCH)
		set_action(x->insn, ret);
	if (ret->flow == DIS_BRANCH) { /* loop counts in rcx, jrcxz reads it */
		ret->action = ACT_NONE;
		ret->writes = 0;
		if (x->insn->id == X86_INS_LOOP || x->insn->id == X86_INS_LOOPE ||
		    x->insn->id == X86_INS_LOOPNE)
			ret->writes = BIT(REG_RCX);
	} else if (ret->flow != DIS_NEXT) {
		ret->action = ACT_NONE;
		ret->writes = 0;
	}
	return true;
}
